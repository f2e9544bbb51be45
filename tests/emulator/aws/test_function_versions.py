"""Publishing versions of functions while the rest of a region is busy."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from typing import Any

import pytest


def test_a_version_is_published_whatever_writes_logs(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version is a copy of its function, not of all logs of the region, which others write meanwhile."""
    from moto.logs.models import logs_backends

    # No copy can be made of this, as of a dictionary that somebody changes.
    monkeypatch.setattr(logs_backends["123456789012"]["eu-central-1"], "busy", threading.Lock(), raising=False)
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
             "Principal": {"Service": "lambda.amazonaws.com"}}]}  # fmt: skip
    role = aws.client("iam").create_role(RoleName="versions", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    with zipfile.ZipFile(content := io.BytesIO(), "w") as package:
        package.writestr("app.py", "handler = print\n")
    functions = aws.client("lambda")
    made = {"FunctionName": "versions", "Role": role, "Runtime": "python3.12", "Handler": "app.handler"}
    first = functions.create_function(**made, Code={"ZipFile": content.getvalue()}, Publish=True)
    assert first["Version"] == "1"
    assert first["CodeSha256"] == functions.get_function_configuration(FunctionName="versions")["CodeSha256"]
    functions.update_function_configuration(FunctionName="versions", Timeout=9)
    assert functions.publish_version(FunctionName="versions")["Version"] == "2"
    kept = functions.get_function_configuration(FunctionName="versions", Qualifier="1")
    assert kept["Timeout"] != 9
