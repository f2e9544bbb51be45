"""Waiting for builds, coming back to them, building them again and stopping them, through the real command."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from orchestrator.emulator import faults

pytestmark = pytest.mark.e2e

PACKAGES = (
    "packages:\n"
    "  parser: {source: src, build: {timeout_minutes: 5}}\n"
    "  images: {source: nowhere, build: {timeout_minutes: 5}}\n"
)
# The first thing that a build asks for, and it waits for it longer than two commands take.
SLOW = {"rules": [{"service": "s3", "operation": "GetObject", "answers": [{"kind": "hold", "seconds": 50}]}]}


@pytest.fixture(scope="module")
def pair(applied: Any) -> Any:
    """Return a project with two packages, of which one cannot be built: its folder is empty."""
    text = applied.files()["orchestrator.yml"].partition("packages:")[0]
    applied.commit({"orchestrator.yml": f"{text}{PACKAGES}", "nowhere/.gitattributes": "* export-ignore\n"})
    outcome = applied.orchestrator("prebuild")
    assert outcome.returncode == 0, outcome.stderr
    return applied


@pytest.fixture(scope="module")
def waited(pair: Any) -> Any:
    """Return what came of `build --wait` for both packages in a GitLab job."""
    job = {"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "main"}
    return pair.orchestrator("build", "--wait", "--output", "dist", **job)


def builds(shop: Any) -> dict[str, dict[str, Any]]:
    """Return what is noted of the builds, by package."""
    document = json.loads((shop.folder / ".orchestrator" / "builds.json").read_text())
    return {one["package"]: one for one in document["builds"]}


def pipelines(shop: Any) -> int:
    """Return how many pipelines the project has."""
    return len(shop.project.pipelines.list(get_all=True))


def test_one_job_shows_all_of_it(pair: Any, waited: Any) -> None:
    """Both logs as sections, one table, one exit code, one report; the package that was made is there, verified."""
    assert waited.returncode == 1, waited.stderr
    assert "section_start:" in waited.stdout
    assert waited.stdout.count("section_start:") == waited.stdout.count("section_end:")
    assert "parser: BUILD" in waited.stdout
    rows = [line.split()[0] for line in waited.stdout.splitlines() if line.startswith(("images ", "parser "))]
    assert rows == ["images", "parser"]
    assert (pair.folder / "dist" / "parser" / "package.zip").is_file()
    assert not (pair.folder / "dist" / "images" / "package.zip").exists()
    assert {name: one["exit_code"] for name, one in builds(pair).items()} == {"images": 1, "parser": 0}
    suite = ElementTree.parse(pair.folder / ".orchestrator" / "junit.xml").getroot()[0]  # noqa: S314 - our own text
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "the package would be empty" in waited.stderr


def test_coming_back_gives_the_same_answer(pair: Any, waited: Any, tmp_path: Path) -> None:
    """`attach` after the end has the same exit code; for a single build it brings the package, by a part of its id."""
    again = pair.orchestrator("attach")
    assert again.returncode == waited.returncode, again.stderr
    short = builds(pair)["parser"]["build_id"].partition(":")[2][:8]
    one = pair.orchestrator("attach", short, "--output", str(tmp_path))
    assert one.returncode == 0, one.stderr
    assert (tmp_path / "package.zip").is_file()


@pytest.mark.usefixtures("waited")
def test_only_what_failed_would_run_again(pair: Any) -> None:
    """A dry run says what would be built, from what and why, and starts nothing."""
    before = pair.aws("codebuild").list_builds()["ids"]
    outcome = pair.orchestrator("rerun", "--ref", "main", "--failed", "--dry-run")
    assert outcome.returncode == 0, outcome.stderr
    assert "images for arm64" in outcome.stderr
    assert "ended FAILED in BUILD" in outcome.stderr
    assert "the stored snapshot" in outcome.stderr
    assert "parser for" not in outcome.stderr
    assert pair.aws("codebuild").list_builds()["ids"] == before


@pytest.mark.usefixtures("waited")
def test_a_package_for_nobody_else(pair: Any, tmp_path: Path) -> None:
    """`rerun --local` builds from the stored snapshot, whatever is checked out, and starts no pipeline."""
    build_id, before = builds(pair)["parser"]["build_id"], pipelines(pair)
    (pair.folder / "src" / "handler.py").write_text("changed, and not committed\n")
    outcome = pair.orchestrator("rerun", "--build", build_id, "--local", "--output", str(tmp_path))
    (pair.folder / "src" / "handler.py").write_text(pair.files()["src/handler.py"])
    assert outcome.returncode == 0, outcome.stderr
    assert "nobody is called" in outcome.stdout
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["package"], manifest["ref"]) == ("parser", None)
    assert manifest["build_id"] != build_id
    assert pipelines(pair) == before


def test_the_builds_of_a_ref_are_stopped(pair: Any) -> None:
    """`stop --ref` ends what runs for the ref, says so when it has ended, and leaves other refs alone."""
    pair.commit({"commit.txt": uuid.uuid4().hex})
    with faults.injected(pair.running, SLOW):
        assert pair.orchestrator("build", "--package", "parser").returncode == 0
        other = pair.orchestrator("stop", "--ref", "feature")
        assert (other.returncode, "no such build is running" in other.stderr) == (0, True)
        outcome = pair.orchestrator("stop", "--ref", "main")
        assert outcome.returncode == 0, outcome.stderr
    assert f"stopped {pair.build_id()}" in outcome.stderr
    found = pair.aws("codebuild").batch_get_builds(ids=[pair.build_id()])["builds"][0]
    assert (found["buildStatus"], found["buildComplete"]) == ("STOPPED", True)
    assert pair.orchestrator("attach", pair.build_id()).returncode == 4
