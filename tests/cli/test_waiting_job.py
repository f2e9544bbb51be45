"""What a job that waits needs of its pipeline, and which builds `postbuild` brings when none is named."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from world import make

from orchestrator.cli.deploy import manifest_places
from orchestrator.cli.postbuild import noted_builds
from orchestrator.cli.project import load_project
from orchestrator.cli.waiting_job import require_fitting_jobs, warn_of_short_job
from orchestrator.errors import ConfigurationError

SMALL = "project: demo\nregion: eu-central-1\nreturn: {}\npackages: {{parser: {{}}}}\n"


@pytest.mark.parametrize("told", ["", "trigger", "event", "wait"])
@pytest.mark.parametrize("return_", ["trigger", "event", "wait"])
def test_jobs_and_configuration_agree_on_who_waits(return_: str, told: str) -> None:
    """Jobs of which the package would never come home, or twice, stop before anything is built."""
    plan = make(SMALL.format(return_))
    environment = {"ORCHESTRATOR_JOBS_RETURN": told} if told else {}
    if told and (told == "wait") != (return_ == "wait"):
        with pytest.raises(ConfigurationError, match=f"do not fit to `return: {return_}`") as caught:
            require_fitting_jobs(plan, environment)
        assert f"`return: {told}`" in str(caught.value)
        assert f"input `return: {return_}`" in caught.value.hint
    else:
        require_fitting_jobs(plan, environment)


@pytest.mark.parametrize(
    ("seconds", "warned"),
    [("7199", True), ("7200", False), ("0", True), ("", False), ("soon", False), ("-1", False), ("9" * 30, False)],
    ids=["short", "long enough", "zero", "unknown", "words", "negative", "endless"],
)
def test_a_job_that_ends_too_early_is_told(seconds: str, warned: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """The defaults are an hour of building after an hour in the queue; what GitLab does not tell is not judged."""
    warn_of_short_job(make(SMALL.format("wait")), {"CI_JOB_TIMEOUT": seconds})
    said = capsys.readouterr().err
    assert ("may take 120 with its time in the queue" in said) is warned


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no build is named"),
        ("", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"builds": [{"package": "parser"}]}', "cannot be read"),
        ('{"builds": 7}', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        (json.dumps({"builds": []}), "names no build"),
    ],
    ids=["none", "empty", "list", "no id", "number", "deep", "no builds"],
)
def test_builds_that_nobody_names_are_read_from_the_file(tmp_path: Path, content: str | None, words: str) -> None:
    """Without an id those are brought that `build` has noted; whatever else is in its place is refused in words."""
    (tmp_path / "orchestrator.yml").write_text(SMALL.format("wait"))
    if content is not None:
        (tmp_path / ".orchestrator").mkdir()
        (tmp_path / ".orchestrator" / "builds.json").write_text(content)
    with pytest.raises(ConfigurationError, match=words):
        noted_builds(load_project(tmp_path / "orchestrator.yml", {}))


def test_each_noted_build_is_brought_once(tmp_path: Path) -> None:
    """The ids come in their order; what else stands there, such as how a build ended, is not asked."""
    (tmp_path / "orchestrator.yml").write_text(SMALL.format("wait"))
    (tmp_path / ".orchestrator").mkdir()
    listed = [{"build_id": name, "status": "FAILED"} for name in ("demo-parser:2", "demo-parser:1", "demo-parser:2")]
    (tmp_path / ".orchestrator" / "builds.json").write_text(json.dumps({"builds": listed}))
    assert noted_builds(load_project(tmp_path / "orchestrator.yml", {})) == ["demo-parser:2", "demo-parser:1"]


@pytest.mark.parametrize(("return_", "found"), [("wait", True), ("trigger", False)])
def test_deploy_finds_what_was_brought_side_by_side(tmp_path: Path, return_: str, found: bool) -> None:
    """Several packages that one job has brought lie in a folder each, and `deploy` looks there; else it does not."""
    (tmp_path / "orchestrator.yml").write_text(SMALL.format(return_))
    (tmp_path / "parser").mkdir()
    (tmp_path / "parser" / "manifest.json").write_text("{}")
    places = list(manifest_places(load_project(tmp_path / "orchestrator.yml", {})))
    assert places[0] == tmp_path / "manifest.json"
    assert (tmp_path / "parser" / "manifest.json" in places) is found


def test_a_manifest_of_the_repository_is_not_taken_for_a_packages(tmp_path: Path) -> None:
    """A repository may have a `manifest.json` of its own; beside it `deploy` finds what postbuild has brought."""
    (tmp_path / "orchestrator.yml").write_text(SMALL.format("wait"))
    (tmp_path / "manifest.json").write_text("{}")
    for words in (["init", "--quiet"], ["add", "manifest.json"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, timeout=60)
    places = list(manifest_places(load_project(tmp_path / "orchestrator.yml", {})))
    assert tmp_path / "manifest.json" not in places
    assert tmp_path / "parser" / "manifest.json" in places
