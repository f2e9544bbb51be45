"""The Parameter Store, of which only names are ever read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from instant import Instant

from orchestrator.effects import aws
from orchestrator.effects.parameters import ParameterStore
from orchestrator.errors import MachineryError

REGION = "eu-central-1"
STORE = ParameterStore(REGION, Instant().patience)


def test_missing_parameters_are_named_in_order(world: object) -> None:
    """Those of the names that do not exist are returned; the value of the others is not asked for."""
    name = f"/test/{uuid.uuid4().hex}"
    aws.client("ssm", REGION).put_parameter(Name=name, Value="canary", Type="SecureString")
    assert STORE.missing([f"{name}/b", name, f"{name}/a"]) == [f"{name}/b", f"{name}/a"]
    assert STORE.missing([name, name]) == []


def test_a_parameter_on_a_later_page_exists(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """SSM may answer an empty page first: a parameter on the second one is not missing."""
    pages = [{"Parameters": [], "NextToken": "more"}, {"Parameters": [{"Name": "/a"}]}]
    scripted(*(answer(200, json.dumps(page).encode(), Content_Type="application/x-amz-json-1.1") for page in pages))
    assert STORE.missing(["/a", "/b"]) == ["/b"]


@pytest.mark.parametrize(("code", "fails"), [("AccessDeniedException", False), ("InternalServerError", True)])
def test_a_role_that_may_not_look_is_no_obstacle(
    scripted: Callable[..., Any], answer: Callable[..., bytes], code: str, fails: bool
) -> None:
    """Without the permission to list parameters nothing counts as missing; any other failure is one."""
    body = json.dumps({"__type": code, "message": "no"}).encode()
    scripted(answer(400, body, Content_Type="application/x-amz-json-1.1"))
    if fails:
        with pytest.raises(MachineryError):
            STORE.missing(["/a"])
    else:
        assert STORE.missing(["/a"]) == []
