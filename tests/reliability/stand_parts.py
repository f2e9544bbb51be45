"""What a stand is made of: the files of its project, its CodeBuild project, the settings of its function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.control import Running
from orchestrator.emulator.server import ACCOUNT_ID, DEFAULT_REGION

PROJECT = "stand"
PACKAGE = "parser"
CODEBUILD_PROJECT = f"{PROJECT}-{PACKAGE}"
BUCKET = "stand-artifacts"
PARAMETER = f"/gitlab/trigger/{PROJECT}"
# Every pipeline has one job, and nothing runs it.
PIPELINE = """\
spec:
  inputs:
    orchestrator_build_id:
      default: ""
---
variables:
  ORCHESTRATOR_BUILD_ID: "$[[ inputs.orchestrator_build_id ]]"
job:
  when: manual
  script: ["true"]
"""
CONFIGURATION = """\
project: {project}
region: {region}
return: {way}
supersede: {supersede}
gitlab: {{project: {number}, url: '{url}'}}
packages:
  {package}:
    source: src
    build: {{timeout_minutes: 5}}
"""
IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "stand"), ("EMAIL", "stand@example.com"))
}


def project_files(number: int, url: str, *, way: str, supersede: bool) -> dict[str, str]:
    """Return the files of the project whose number in GitLab is given."""
    return {
        ".gitignore": ".orchestrator/\nout/\n",
        ".gitlab-ci.yml": PIPELINE,
        "src/handler.py": "def handler(event, context):\n    pass\n",
        "orchestrator.yml": CONFIGURATION.format(
            project=PROJECT,
            region=DEFAULT_REGION,
            way=way,
            supersede="true" if supersede else "false",
            number=number,
            url=url,
            package=PACKAGE,
        ),
    }


def codebuild_project(settings_digest: str) -> dict[str, Any]:
    """Return the CodeBuild project as prebuild would leave it, as far as the stages look at it."""
    return {
        "name": CODEBUILD_PROJECT,
        "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {
            "type": "ARM_CONTAINER",
            "image": "acted",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "ORCHESTRATOR_BUCKET", "value": BUCKET, "type": "PLAINTEXT"}],
        },
        "serviceRole": f"arn:aws:iam::{ACCOUNT_ID}:role/build",
        "tags": [{"key": "orchestrator-settings-digest", "value": settings_digest}],
    }


def handback_settings(running: Running, project: int, queue_url: str) -> str:
    """Return what Terraform would tell the function."""
    return json.dumps(
        {
            "api_url": f"{running.gitlab_url}/api/v4",
            "bucket": BUCKET,
            "dead_letter_queue_url": queue_url,
            "gitlab_project": str(project),
            "inputs": True,
            "owner": ACCOUNT_ID,
            "prefix": "",
            "projects": [CODEBUILD_PROJECT],
            "region": running.region,
            "token_parameter": PARAMETER,
        }
    )


def client_of(running: Running, service: str) -> Any:
    """Return a client that meets no faults: it is not the product's."""
    return Clients(lambda: running.aws_url, running.region)._client(service)


def variables_of(build: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a build as CodeBuild describes it."""
    return {item["name"]: item["value"] for item in build["environment"].get("environmentVariables", [])}
