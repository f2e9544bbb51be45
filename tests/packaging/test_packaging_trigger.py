"""What GitLab may answer to the trigger, and what a person then reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Superseded
from orchestrator.packaging.inside import entry
from orchestrator.packaging.inside import trigger as module
from orchestrator.packaging.inside.context import read_build
from orchestrator.packaging.inside.trigger import trigger
from orchestrator.packaging.inside.workspace import Workspace

TOKEN = "glptt-canary-0123456789+/="
OK = (201, {}, '{"id": 7, "web_url": "http://gitlab/p/7"}')


@pytest.fixture
def call(case: Any, gitlab: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that plays a script and returns what was said, and the seconds that were waited."""
    monkeypatch.setattr(module, "read_parameter", lambda _name: TOKEN)
    case.variables["ORCHESTRATOR_SETTINGS"] = json.dumps(case.settings)
    build = read_build(case.variables)
    waited: list[float] = []

    def play(*script: tuple[int, dict[str, str], str]) -> tuple[str, list[float]]:
        gitlab.script = list(script)
        return trigger(replace(build), Workspace(case.private, case.root), sleep=waited.append), waited

    return play


def test_passing_faults_are_waited_out(call: Any, gitlab: Any) -> None:
    """Throttling, server errors and pages that are no JSON are tried again, as long as GitLab asks for."""
    said, waited = call((429, {"Retry-After": "17"}, "slow"), (502, {}, "<html>"), (200, {}, "<html>login"), OK)
    assert said == "started the pipeline http://gitlab/p/7"
    assert len(gitlab.requests) == 4
    assert waited[0] == 17.0


def test_endless_faults_end(call: Any, gitlab: Any) -> None:
    """After five attempts it is machinery, and the message says how to go on by hand."""
    with pytest.raises(OrchestratorError) as caught:
        call((503, {}, "down"))
    assert caught.value.exit_code == 3
    assert "ORCHESTRATOR_BUILD_ID=" in caught.value.hint
    assert len(gitlab.requests) == 5


def test_a_page_that_somebody_made_up_is_no_pipeline(call: Any, gitlab: Any) -> None:
    """JSON of a proxy with status 200 counts as no answer: the build would be taken for brought home."""
    said, _ = call((200, {}, '{"message": "maintenance"}'), (201, {}, '{"id": null}'), OK)
    assert said == "started the pipeline http://gitlab/p/7"
    assert len(gitlab.requests) == 3


@pytest.mark.parametrize(
    ("delivered", "failure", "code"),
    [
        (True, MachineryError("GitLab is away"), 0),
        (True, Superseded("the branch is gone"), 0),
        (True, ConfigurationError("a wrong token"), 2),
        (False, MachineryError("GitLab is away"), 3),
    ],
)
def test_a_delivered_package_is_no_failed_build(
    case: Any, monkeypatch: pytest.MonkeyPatch, *, delivered: bool, failure: OrchestratorError, code: int
) -> None:
    """GitLab is away, or the branch is gone, and the package is stored: nobody pays for it twice."""

    def fail(*_arguments: Any) -> str:
        raise failure

    monkeypatch.setattr(entry, "trigger", fail)
    case.variables["ORCHESTRATOR_SETTINGS"] = json.dumps(case.settings)
    if delivered:
        (case.private / "deliver.done").touch()
    assert entry.main(["trigger"], case.private, case.variables) == code


def test_a_build_of_no_ref_calls_nobody(case: Any, gitlab: Any) -> None:
    """Whoever asks for a package without a ref fetches it himself: the token is not read, GitLab is not asked."""
    assert "nobody is called" in case.run("trigger", ORCHESTRATOR_REF="")
    assert gitlab.requests == []


@pytest.mark.parametrize(
    ("status", "message", "code", "said"),
    [
        (404, "404 Not Found", 2, "/gitlab/trigger/demo"),
        (401, "401 Unauthorized", 2, "/gitlab/trigger/demo"),
        (400, "Insufficient permissions to set pipeline variables", 2, "ci_pipeline_variables_minimum_override_role"),
        (400, {"base": ["Reference not found"]}, 4, "gone"),
        (400, {"base": ["Pipeline will not run for the selected trigger"]}, 2, "Pipeline will not run"),
        (302, "moved", 5, "redirects"),
        (400, f"bad token {TOKEN}", 2, "[redacted]"),
    ],
)
def test_refusals_are_explained(call: Any, gitlab: Any, status: int, message: Any, code: int, said: str) -> None:
    """Each refusal is said once, with what to change, and never with the token."""
    with pytest.raises(OrchestratorError) as caught:
        call((status, {"Location": "http://127.0.0.1:9/"}, json.dumps({"message": message})))
    assert caught.value.exit_code == code
    assert said in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert len(gitlab.requests) == 1


@pytest.mark.parametrize("header", ["", "spec:\n  inputs:\n    orchestrator_build_id:\n      default: ''\n---\n"])
def test_the_input_is_used_where_the_commit_declares_it(case: Any, call: Any, gitlab: Any, header: str) -> None:
    """A commit whose `.gitlab-ci.yml` takes the input gets it; any other gets the variable, without a failed try."""
    tree = Workspace(case.private, case.root).tree
    tree.mkdir(parents=True, exist_ok=True)
    (tree / ".gitlab-ci.yml").write_text(f"{header}job: {{script: x}}\n")
    call(OK)
    ((_, form),) = gitlab.requests
    assert ("inputs[orchestrator_build_id]" in form, "variables[ORCHESTRATOR_BUILD_ID]" in form) == (
        bool(header),
        not header,
    )


def test_second_call_is_silent(call: Any, gitlab: Any) -> None:
    """A build calls its pipeline at most once."""
    call(OK)
    assert "already" in call(OK)[0]
    assert len(gitlab.requests) == 1


def test_wait_is_bounded(call: Any) -> None:
    """A server cannot keep a build waiting for hours."""
    assert call((429, {"Retry-After": "86400"}, "slow"), OK)[1] == [60.0]


def test_a_build_whose_end_an_event_tells_calls_nobody(call: Any, case: Any, gitlab: Any) -> None:
    """Without `trigger` in its settings, a build reads no token and sends nothing."""
    settings = {name: value for name, value in case.settings.items() if name != "trigger"}
    build = read_build({**case.variables, "ORCHESTRATOR_SETTINGS": json.dumps(settings)})
    with pytest.raises(OrchestratorError, match="calls no pipeline") as caught:
        trigger(build, Workspace(case.private, case.root))
    assert (caught.value.exit_code, gitlab.requests) == (2, [])


def test_marker_is_private(call: Any, case: Any) -> None:
    """The marker of the call lies in the build's private directory."""
    call(OK)
    assert Path(case.private, "triggered").exists()
