"""The loop with `return: wait`: one pipeline, no trigger token anywhere, several packages side by side."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from typing import Any

import pytest
from conftest import Shop

from orchestrator import resources
from orchestrator.effects.gitlab import GitLabPipelines, JobRecord

pytestmark = pytest.mark.e2e
PIPELINE = """
stages: [prebuild, build, postbuild, test]
variables:
  ORCHESTRATOR_RETURN: wait
include:
  - local: jobs.yml
"""
CHECK = """
check:
  stage: test
  needs: [postbuild]
  script:
    - test "$(sha256sum < parser-arm64/package.zip | cut -d ' ' -f 1)" = "$ORCHESTRATOR_PACKAGE_SHA256__PARSER_ARM64"
    - test "$(sha256sum < parser-x86-64/package.zip | cut -d ' ' -f 1)" = "$ORCHESTRATOR_PACKAGE_SHA256__PARSER_X86_64"
"""


def both(shop: Shop) -> dict[str, str]:
    """Return the files of a project with one entry for both architectures, and a package that the job makes."""
    own = shop.files()["orchestrator.yml"].replace(
        "    source: src\n", "    source: src\n    architecture: [x86_64, arm64]\n"
    )
    jobs = (resources.folder("templates") / "plain.gitlab-ci.yml").read_text(encoding="utf-8")
    return {
        **shop.files(),
        "orchestrator.yml": f"{own}  hello:\n    source: src\n    build: {{where: auto}}\nreturn: wait\n",
        "jobs.yml": jobs,
        ".gitlab-ci.yml": PIPELINE + CHECK,
    }


def ended(shop: Shop, commit: str) -> tuple[str, dict[str, JobRecord], GitLabPipelines]:
    """Wait for the one pipeline of a commit; return its status and its jobs by name."""
    pipelines = GitLabPipelines(shop.running.gitlab_url, str(shop.project.id), shop.running.gitlab_token)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        found = [item for item in pipelines.pipelines() if item.sha == commit]
        if found and all(item.ended for item in found):
            break
        time.sleep(0.5)
    # Nothing has started another one.
    assert [item.source for item in found] == ["push"]
    return found[0].status, {job.name: job for job in pipelines.jobs(found[0].id)}, pipelines


def test_one_pipeline_builds_and_goes_on(shop: Shop) -> None:
    """The job waits for two builds and a package of its own, and the next job brings all three, without any token."""
    shop.aws("ssm").delete_parameter(Name=f"/gitlab/trigger/{shop.name}")
    for token in shop.project.triggers.list(get_all=True):
        token.delete()
    shop.project.variables.create({"key": "ORCHESTRATOR_GITLAB_TOKEN", "value": shop.running.gitlab_token})
    commit = shop.commit(both(shop))
    status, jobs, pipelines = ended(shop, commit)
    said = {job.name: pipelines.trace(job.id)[-3000:] for job in jobs.values() if job.status != "success"}
    assert (status, set(jobs)) == ("success", {"prebuild", "build", "postbuild", "check"}), said
    for package, architecture in (("parser-arm64", "arm64"), ("parser-x86-64", "x86_64"), ("hello", "arm64")):
        content = pipelines.artifact(jobs["postbuild"].id, f"{package}/package.zip")
        manifest: dict[str, Any] = json.loads(pipelines.artifact(jobs["postbuild"].id, f"{package}/manifest.json"))
        assert hashlib.sha256(content).hexdigest() == manifest["sha256"]
        assert (manifest["package"], manifest["architecture"], manifest["commit"]) == (package, architecture, commit)
        assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["handler.py"]
    assert manifest["build_id"].startswith("assembled:")
    statuses = shop.project.commits.get(commit, lazy=True).statuses.list(get_all=True)
    assert {one.status for one in statuses if one.name.startswith("codebuild/")} == {"success"}
    projects = shop.aws("codebuild").batch_get_projects(names=[f"{shop.name}-parser-arm64"])["projects"]
    assert "trigger" not in json.dumps(projects, default=str)

    # A second pipeline of the same commit takes what the first one has had built, and brings it as well.
    again = shop.project.pipelines.create({"ref": "main"})
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and again.status not in {"success", "failed"}:
        time.sleep(0.5)
        again.refresh()
    assert again.status == "success", [(job.name, job.status) for job in again.jobs.list(get_all=True)]
    for package in ("parser-arm64", "parser-x86-64"):
        builds = shop.aws("codebuild").list_builds_for_project(projectName=f"{shop.name}-{package}")["ids"]
        assert len(builds) == 1


def test_jobs_for_another_return_stop_at_once(shop: Shop) -> None:
    """A pipeline whose jobs were not made for `return: wait` fails in its first job, and says which input it lacks."""
    commit = shop.commit({**both(shop), ".gitlab-ci.yml": PIPELINE.replace("ORCHESTRATOR_RETURN: wait", "OTHER: word")})
    status, jobs, pipelines = ended(shop, commit)
    assert (status, set(jobs)) == ("failed", {"prebuild", "build"})
    assert "do not fit to `return: wait`" in pipelines.trace(jobs["prebuild"].id)
