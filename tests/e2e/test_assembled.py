"""`where: auto` from the push to the package at home, with no CodeBuild build and no trigger token on the way."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import time
import zipfile
from typing import Any

import pytest
from conftest import Shop

from orchestrator import resources
from orchestrator.effects.gitlab import GitLabPipelines, JobRecord, PipelineRecord

pytestmark = pytest.mark.e2e
PIPELINE = """
stages: [prebuild, build, postbuild, test]
include:
  - local: templates/plain.gitlab-ci.yml
check:
  stage: test
  rules:
    - if: $CI_PIPELINE_SOURCE == "pipeline" && $ORCHESTRATOR_BUILD_ID
  needs: [postbuild]
  script:
    - test "$(sha256sum < package.zip | cut -d ' ' -f 1)" = "$ORCHESTRATOR_PACKAGE_SHA256"
"""
FILES = {
    "src/handler.py": "import markupsafe\n\n\ndef handler(event, context):\n    return str(markupsafe.escape(event))\n",
    "src/requirements.txt": "markupsafe==3.0.2\n",
}


def auto(shop: Shop) -> dict[str, str]:
    """Return the files of a project whose package may be made in the job."""
    text = shop.files()["orchestrator.yml"].replace("timeout_minutes: 5", "timeout_minutes: 5, where: auto")
    return {**shop.files(), **FILES, "orchestrator.yml": text}


def ended(shop: Shop, commit: str, count: int) -> tuple[list[PipelineRecord], dict[str, JobRecord], GitLabPipelines]:
    """Wait for so many pipelines of a commit; return them with all of their jobs by name."""
    pipelines = GitLabPipelines(shop.running.gitlab_url, str(shop.project.id), shop.running.gitlab_token)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        found = [item for item in pipelines.pipelines() if item.sha == commit]
        if found and all(item.ended for item in found) and (len(found) >= count or found[0].status != "success"):
            break
        time.sleep(0.5)
    jobs = {job.name: job for item in found for job in pipelines.jobs(item.id)}
    failed = [pipelines.trace(job.id)[-3000:].replace("\r", "\n") for job in jobs.values() if job.status != "success"]
    assert [item.status for item in found] == ["success"] * count, failed
    return found, jobs, pipelines


def machine_of(package: zipfile.ZipFile) -> int:
    """Return the processor that the one extension module of the package is for."""
    (name,) = [name for name in package.namelist() if name.endswith(".so")]
    return int(struct.unpack_from("<H", package.read(name), 18)[0])


def test_a_package_of_wheels_needs_no_build(shop: Shop) -> None:
    """The job makes the package for arm64, starts the second pipeline itself, and postbuild brings it home."""
    template = (resources.folder("templates") / "plain.gitlab-ci.yml").read_text(encoding="utf-8")
    # Nothing may depend on the trigger token, so it is one that GitLab does not know.
    shop.store_token("glptt-0000000000000000000000000000000000000000")
    files = {**auto(shop), "templates/plain.gitlab-ci.yml": template, ".gitlab-ci.yml": PIPELINE}
    commit = shop.commit(files)
    found, jobs, pipelines = ended(shop, commit, 2)
    assert [item.source for item in found] == ["push", "pipeline"]
    assert jobs["check"].status == "success"
    content = pipelines.artifact(jobs["postbuild"].id, "package.zip")
    manifest: dict[str, Any] = json.loads(pipelines.artifact(jobs["postbuild"].id, "manifest.json"))
    assert manifest["commit"] == commit
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["build_id"].startswith(f"assembled:{shop.name}-parser:{commit}:")
    package = zipfile.ZipFile(io.BytesIO(content))
    assert "handler.py" in package.namelist()
    assert machine_of(package) == 183
    for name in ("sbom.cdx.json", "provenance.json", "pylock.toml"):
        assert commit in pipelines.artifact(jobs["postbuild"].id, name).decode() or name == "pylock.toml"
    assert shop.aws("codebuild").list_builds_for_project(projectName=f"{shop.name}-parser")["ids"] == []


def test_a_terminal_makes_it_without_an_account(shop: Shop) -> None:
    """`orchestrator build` of such a package needs neither AWS nor a trigger; the zip lies in a folder."""
    commit = shop.commit(auto(shop), "[skip ci]")
    outcome = shop.orchestrator("build", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    assert outcome.returncode == 0, outcome.stderr
    folder = shop.folder / ".orchestrator" / "packages" / "parser"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["commit"], manifest["build_id"]) == (commit, None)
    assert machine_of(zipfile.ZipFile(folder / "package.zip")) == 183
    assert "nothing has to be compiled" in outcome.stderr
