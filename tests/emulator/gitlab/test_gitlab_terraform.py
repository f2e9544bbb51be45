"""Terraform's `http` backend against the state API, with the real Terraform."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

MAIN = """
terraform {
  backend "http" {}
}
resource "terraform_data" "this" {
  input = "%s"
}
output "value" { value = terraform_data.this.output }
"""
AUTH = ("root", "glpat-root-of-the-tests")


def terraform(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real Terraform or OpenTofu, without the machine's CLI configuration."""
    program = shutil.which("terraform") or shutil.which("tofu")
    assert program, "neither terraform nor tofu is on PATH"
    environment = {key: value for key, value in os.environ.items() if key != "TF_CLI_CONFIG_FILE"}
    environment |= {"NO_PROXY": "*", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    return subprocess.run([program, *arguments], cwd=directory, env=environment, text=True, capture_output=True)


def test_terraform_keeps_its_state_here(repo: Any, tmp_path: Path) -> None:
    """init, apply, plan and destroy work; a held lock stops a second Terraform with the holder's name."""
    address = f"{repo.url}/api/v4/projects/{repo.project.id}/terraform/state/production"
    (tmp_path / "main.tf").write_text(MAIN % "one")
    settings = {
        "address": address,
        "lock_address": f"{address}/lock",
        "unlock_address": f"{address}/lock",
        "lock_method": "POST",
        "unlock_method": "DELETE",
        "username": AUTH[0],
        "password": AUTH[1],
        "retry_wait_min": "1",
    }
    backend = [f"-backend-config={key}={value}" for key, value in settings.items()]
    done = terraform(tmp_path, "init", "-input=false", *backend)
    assert done.returncode == 0, done.stderr
    done = terraform(tmp_path, "apply", "-input=false", "-auto-approve")
    assert done.returncode == 0, done.stderr
    assert terraform(tmp_path, "plan", "-detailed-exitcode").returncode == 0
    (tmp_path / "main.tf").write_text(MAIN % "two")
    assert terraform(tmp_path, "apply", "-input=false", "-auto-approve").returncode == 0
    state = requests.get(address, auth=AUTH, timeout=10).json()
    assert state["outputs"]["value"]["value"] == "two"
    assert requests.get(f"{address}/versions/{state['serial'] - 1}", auth=AUTH, timeout=10).status_code == 200
    requests.post(
        f"{address}/lock", auth=AUTH, json={"ID": "other", "Who": "somebody@else"}, timeout=10
    ).raise_for_status()
    stopped = terraform(tmp_path, "plan", "-input=false", "-no-color")
    assert stopped.returncode != 0
    assert "state already locked" in stopped.stderr, stopped.stderr
    requests.delete(f"{address}/lock", auth=AUTH, json={"ID": "other"}, timeout=10).raise_for_status()
    done = terraform(tmp_path, "destroy", "-input=false", "-auto-approve")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def address(repo: Any) -> str:
    """Return the address of a state that does not exist yet."""
    return f"{repo.url}/api/v4/projects/{repo.project.id}/terraform/state/s"


def test_lock_rules(address: str) -> None:
    """423 with the holder's lock for others, writes only with the lock's ID, 409 for a foreign unlock."""
    mine = {
        "ID": "a-1",
        "Operation": "OperationTypeApply",
        "Who": "me",
        "Created": "now",
        "Version": "1",
        "Path": "",
        "Info": "",
    }
    state = json.dumps({"version": 4, "serial": 1, "lineage": "x"})
    assert requests.get(address, auth=AUTH, timeout=10).status_code == 404
    assert requests.post(f"{address}/lock", auth=AUTH, json=mine, timeout=10).status_code == 200
    locked = requests.post(f"{address}/lock", auth=AUTH, json={**mine, "ID": "b-2"}, timeout=10)
    assert (locked.status_code, locked.json()["Who"], locked.json()["ID"]) == (423, "me", "a-1")
    assert requests.post(address, auth=AUTH, data=state, timeout=10).status_code == 423
    assert requests.post(f"{address}?ID=b-2", auth=AUTH, data=state, timeout=10).status_code == 423
    assert requests.post(f"{address}?ID=a-1", auth=AUTH, data=state, timeout=10).status_code == 200
    assert requests.delete(f"{address}/lock", auth=AUTH, json={"ID": "b-2"}, timeout=10).status_code == 409
    assert requests.delete(f"{address}/lock", auth=AUTH, timeout=10).status_code == 200
    assert requests.delete(address, auth=AUTH, timeout=10).status_code == 200
    assert requests.get(address, auth=AUTH, timeout=10).status_code == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"serial": "x"}', b'{"serial": -1}', b'{"serial": true}'])
def test_broken_states(address: str, body: bytes) -> None:
    """What is no state is refused."""
    assert requests.post(address, auth=AUTH, data=body, timeout=10).status_code == 400


def test_checksum_and_authentication(address: str) -> None:
    """A wrong Content-MD5 and a wrong password are refused, the right ones are not."""
    body = b'{"serial": 3}'
    right = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    for value, status in ((right, 200), ("AAAA", 400)):
        answer = requests.post(address, auth=AUTH, data=body, headers={"Content-MD5": value}, timeout=10)
        assert answer.status_code == status
    for auth in (None, ("root", "wrong"), ("gitlab-ci-token", "glcbt-wrong")):
        assert requests.get(address, auth=auth, timeout=10).status_code in {401, 404}


def test_job_token_reaches_the_state(repo: Any, address: str) -> None:
    """A job keeps its state with `gitlab-ci-token` and its job token."""
    ci = json.dumps(
        {"job": {"script": [f'curl -sS -f -u "gitlab-ci-token:$CI_JOB_TOKEN" -d \'{{"serial": 7}}\' "{address}"']}}
    )
    pipeline, jobs = repo.run(ci)
    assert pipeline.status == "success", repo.trace(jobs["job"])
    assert requests.get(address, auth=AUTH, timeout=10).json() == {"serial": 7}
