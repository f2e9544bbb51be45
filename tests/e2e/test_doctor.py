"""`doctor` and `check` at a terminal, against the stand-in."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import boto3
import pytest
from conftest import Shop

pytestmark = pytest.mark.e2e


def told(outcome: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the findings that were printed as JSON, by rule."""
    assert "Traceback" not in outcome.stderr
    return {one["rule"]: one for one in json.loads(outcome.stdout)["findings"]}


def test_a_project_is_examined_and_each_remedy_takes_its_finding_away(shop: Shop) -> None:
    """What is wrong is found with its remedy; what the stand-in does not know is told as unseen, and never as fine."""
    environment = {"ORCHESTRATOR_GITLAB_TOKEN": shop.running.gitlab_token}
    healthy = shop.orchestrator("doctor", "--json", **environment)
    before = told(healthy)
    assert before.pop("quotas")["weight"] == "unknown"
    assert {one["weight"] for one in before.values()} <= {"warning"}, before
    assert healthy.returncode == 3
    ssm = boto3.client(
        "ssm",
        region_name=shop.running.region,
        endpoint_url=shop.running.aws_url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    name = f"/gitlab/trigger/{shop.name}"
    ssm.delete_parameter(Name=name)
    ssm.put_parameter(Name=name, Value="plain", Type="String")
    for trigger in shop.project.triggers.list(get_all=True):
        trigger.delete()
    ill = shop.orchestrator("doctor", "--json", **environment)
    assert ill.returncode == 2
    assert set(told(ill)) - set(before) == {"parameter-plain", "trigger-missing", "quotas"}
    assert shop.running.gitlab_token not in ill.stdout + ill.stderr


def test_nothing_is_applied_that_cannot_work(shop: Shop) -> None:
    """A machine that does not exist stops prebuild before Terraform is started, and `check` says the same."""
    text = (shop.folder / "orchestrator.yml").read_text("utf-8")
    (shop.folder / "orchestrator.yml").write_text(text + "build: {machine: lambda, compute: small}\n")
    prebuilt, checked = shop.orchestrator("prebuild"), shop.orchestrator("check", "--json")
    assert (prebuilt.returncode, checked.returncode) == (2, 2)
    assert "compute-size" in told(checked)
    assert "1GB to 10GB" in prebuilt.stderr
    assert "Terraform" not in prebuilt.stderr
