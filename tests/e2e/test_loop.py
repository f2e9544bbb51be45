"""The whole loop on real input: real Terraform, AWS provider, git, python-gitlab and boto3, over HTTP."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import Shop
from json_documents import conforming

from orchestrator import resources
from orchestrator.demo.watch import Loop, watch
from orchestrator.effects.clock import SystemClock
from orchestrator.effects.gitlab import GitLabPipelines
from orchestrator.emulator.control import Running

pytestmark = pytest.mark.e2e
# e_machine of the ELF header (ELF specification).
MACHINES = {"arm64": 183, "x86_64": 62}
PIPELINE = """
stages: [prebuild, build, postbuild]
include:
  - local: jobs.yml
"""
# How GitLab spells its tokens.
TOKEN = re.compile(rb"gl(ptt|pat|cbt)-[A-Za-z0-9_-]{16}")


def machines(package: bytes) -> set[int]:
    """Return the processors that the shared objects of a package are for."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        heads = [archive.read(name)[:20] for name in archive.namelist() if ".so" in Path(name).name]
    return {struct.unpack_from("<H", head, 18)[0] for head in heads if head.startswith(b"\x7fELF")}


def test_the_demo_closes_the_loop(tmp_path: Path) -> None:
    """`orchestrator demo` brings home a verified package of the right processor; no token is in what it leaves."""
    output, architecture = tmp_path / "demo", "arm64"
    outcome = subprocess.run(
        [
            sys.executable,
            "-m",
            "orchestrator",
            "demo",
            "--architecture",
            architecture,
            "--output",
            str(output),
            "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    told = conforming("demo", outcome.stdout)
    manifest = json.loads((output / "manifest.json").read_text())
    package = (output / "package.zip").read_bytes()
    assert manifest["commit"] == told["commit"]
    assert manifest["architecture"] == architecture
    assert hashlib.sha256(package).hexdigest() == manifest["sha256"]
    assert "handler.py" in zipfile.ZipFile(io.BytesIO(package)).namelist()
    assert machines(package) == {MACHINES[architecture]}
    assert [row["stage"] for row in told["rows"] if row["stage"] in {"prebuild", "build", "postbuild"}] == [
        "prebuild",
        "build",
        "postbuild",
    ]
    evidence = [path for path in output.iterdir() if path.is_file()] + list((output / "logs").iterdir())
    assert len(evidence) > 5
    assert not [path.name for path in evidence if TOKEN.search(path.read_bytes())]
    # The stand-ins remove what tells where they run when they end.
    assert not (output / "emulator" / "emulator.json").exists()


def follow(running: Running, project_id: int, commit: str) -> tuple[Loop, GitLabPipelines]:
    """Return the loop of a pushed commit once it has closed."""
    from orchestrator.effects.codebuild import CodeBuildService

    pipelines = GitLabPipelines(running.gitlab_url, str(project_id), running.gitlab_token)
    loop = Loop(commit=commit)
    for _ in watch(loop, pipelines, CodeBuildService(running.region), SystemClock(), deadline_seconds=300):
        pass
    assert {pipeline.status for pipeline in loop.pipelines} == {"success"}, {
        job.name: pipelines.trace(job.id)[-1500:]
        for jobs in loop.jobs.values()
        for job in jobs
        if job.status == "failed"
    }
    return loop, pipelines


def test_a_second_push_with_equal_settings_runs_no_terraform(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second pipeline of a project applies nothing, builds its own commit, and brings that one home."""
    from orchestrator.effects import aws
    from orchestrator.emulator import control

    for name, value in control.environment(shop.running).items():
        monkeypatch.setenv(name, value)
    aws.client.cache_clear()
    aws._session.cache_clear()
    # The commit status needs a token that the job token is not.
    shop.project.variables.create({"key": "ORCHESTRATOR_GITLAB_TOKEN", "value": shop.running.gitlab_token})
    jobs = (resources.folder("templates") / "plain.gitlab-ci.yml").read_text(encoding="utf-8")
    commit = shop.commit({**shop.files(), ".gitlab-ci.yml": PIPELINE, "jobs.yml": jobs})
    first, pipelines = follow(shop.running, shop.project.id, commit)
    commit = shop.commit({"src/more.py": "ANSWER = 42\n"})
    second, _ = follow(shop.running, shop.project.id, commit)
    traces = [pipelines.trace(loop.job("prebuild").id) for loop in (first, second) if loop.job("prebuild")]
    assert "to create" in traces[0]
    assert "Terraform is not needed" in traces[1]
    assert set(first.builds) & set(second.builds) == set()
    postbuild = second.job("postbuild")
    assert postbuild is not None
    package = zipfile.ZipFile(io.BytesIO(pipelines.artifact(postbuild.id, "package.zip")))
    assert package.read("more.py") == b"ANSWER = 42\n"
    statuses = {status.name: status.status for status in _statuses(shop.running, shop.project.id, commit)}
    assert statuses["codebuild/parser"] == "success"
    aws.client.cache_clear()
    aws._session.cache_clear()
    assert os.environ["AWS_ENDPOINT_URL"]


def _statuses(running: Running, project_id: int, commit: str) -> list:  # type: ignore[type-arg]
    import gitlab

    connection = gitlab.Gitlab(running.gitlab_url, private_token=running.gitlab_token)
    return connection.projects.get(project_id, lazy=True).commits.get(commit, lazy=True).statuses.list(get_all=True)
