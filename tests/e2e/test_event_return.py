"""The loop with `return: event`: no token in the build, and every ending comes home."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import pytest
from conftest import Shop

from orchestrator import resources
from orchestrator.emulator import faults

pytestmark = pytest.mark.e2e
PIPELINE = """\
spec:
  inputs:
    orchestrator_build_id:
      default: ""
---
stages: [prebuild, build, postbuild]
variables:
  ORCHESTRATOR_BUILD_ID: "$[[ inputs.orchestrator_build_id ]]"
include:
  - local: jobs.yml
"""
# Nothing but the build asks S3 for an object before the way home begins.
# As often as a build asks for its program.
NO_PROGRAM = {
    "rules": [
        {
            "service": "s3",
            "operation": "GetObject",
            "answers": [{"kind": "error", "code": "AccessDenied", "message": "Access Denied", "status": 403}] * 3,
        }
    ]
}


def pushed(shop: Shop, **files: str) -> str:
    """Push a commit of the project with `return: event`; return it."""
    jobs = resources.folder("templates") / "plain.gitlab-ci.yml"
    configuration = shop.files()["orchestrator.yml"]
    return shop.commit(
        {
            **shop.files(),
            "orchestrator.yml": f"{configuration}return: event\nhandback: {{log_retention_days: 7}}\n",
            ".gitlab-ci.yml": PIPELINE,
            "jobs.yml": jobs.read_text(),
            **files,
        }
    )


def came_home(shop: Shop, commit: str) -> tuple[Any, dict[str, Any]]:
    """Wait for the pipeline that the function starts for a commit to end; return it and the jobs of both pipelines."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        pipelines = shop.project.pipelines.list(sha=commit, get_all=True)
        home = [pipeline for pipeline in pipelines if pipeline.source == "trigger"]
        started = {job.name: job for found in pipelines for job in found.jobs.list(get_all=True)}
        if home and all(pipeline.status in {"success", "failed"} for pipeline in home):
            assert len(home) == 1
            return home[0], started
        # The failure that postbuild reports makes the pipeline of the push fail as well, later.
        if not home and any(pipeline.status == "failed" for pipeline in pipelines):
            break
        time.sleep(0.5)
    raise AssertionError({name: (job.status, trace(shop, job)[-1500:]) for name, job in started.items()})


def trace(shop: Shop, job: Any) -> str:
    """Return the log of a job."""
    return str(shop.project.jobs.get(job.id).trace().decode(errors="replace"))


def marker(shop: Shop, bucket: str, build_id: str) -> dict[str, Any]:
    """Return what is noted about a build's way home."""
    key = f"handback/{build_id.replace(':', '/')}.json"
    found: dict[str, Any] = json.loads(shop.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    return found


def status_of(shop: Shop, commit: str) -> dict[str, str]:
    """Return the states beside a commit, by name."""
    listed = shop.project.commits.get(commit, lazy=True).statuses.list(get_all=True)
    return {status.name: status.status for status in listed}


def test_every_ending_comes_home_by_its_event(alone: Shop) -> None:
    """A good build brings its package, one that dies in `install` its failure; no build knows of a token."""
    shop = alone
    shop.project.variables.create({"key": "ORCHESTRATOR_GITLAB_TOKEN", "value": shop.running.gitlab_token})
    good = pushed(shop)
    pipeline, jobs = came_home(shop, good)
    assert pipeline.status == "success", trace(shop, jobs["postbuild"])
    postbuild = shop.project.jobs.get(jobs["postbuild"].id)
    assert zipfile.ZipFile(io.BytesIO(postbuild.artifact("package.zip"))).namelist() == ["handler.py"]
    manifest = json.loads(postbuild.artifact("manifest.json"))
    assert manifest["commit"] == good
    assert status_of(shop, good)["codebuild/parser"] == "success"
    # The first pipeline has taken the build: another one that is told the same has nothing to do.
    noted = marker(shop, manifest["bucket"], manifest["build_id"])
    assert noted == {"build_id": manifest["build_id"], "pipeline_id": str(pipeline.id), "state": "home"}

    (project,) = shop.aws("codebuild").batch_get_projects(names=[f"{shop.name}-parser"])["projects"]
    role = project["serviceRole"].rpartition("/")[2]
    iam = shop.aws("iam")
    policies = [
        json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for text in (json.dumps(project, default=str), *policies):
        assert "ssm" not in text
        assert "/gitlab/trigger" not in text
        assert 'TOOL\\" trigger' not in text

    with faults.injected(shop.running, NO_PROGRAM) as journal:
        bad = pushed(shop, **{"src/more.py": "ANSWER = 42\n"})
        pipeline, jobs = came_home(shop, bad)
        assert len(journal()) == 3
    assert "Terraform is not needed" in trace(shop, jobs["prebuild"])
    assert pipeline.status == "failed"
    said = trace(shop, jobs["postbuild"])
    for words in ("ended FAILED", "phase: INSTALL", "last lines of the log", "Access Denied", "exit code 1"):
        assert words in said
    assert status_of(shop, bad)["codebuild/parser"] == "failed"
