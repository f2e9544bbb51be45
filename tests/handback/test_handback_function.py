"""The function from the event to GitLab: what it does, how often, and what it says when it cannot."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from handback_world import BUCKET, BUILD_ID, CANARY, KEY, PARAMETER, PATH, PROJECT, STARTED, Function, event, record

from orchestrator.errors import MachineryError, OrchestratorError
from orchestrator.handback import handler
from orchestrator.handback.settings import VARIABLE

BY_INPUT = {"token": [CANARY], "ref": ["feature/ä;$(id)"], "inputs[orchestrator_build_id]": [BUILD_ID]}
BY_VARIABLE = {"token": [CANARY], "ref": ["feature/ä;$(id)"], "variables[ORCHESTRATOR_BUILD_ID]": [BUILD_ID]}
NO_INPUT = json.dumps({"id": 6, "status": "failed", "yaml_errors": "`.gitlab-ci.yml`: unknown input arguments: x"})
NO_SPEC = json.dumps({"id": 6, "yaml_errors": "Given inputs not defined in the `spec` section of the included file"})
NO_SPEC_TOLD = '{"message": {"base": ["Given inputs not defined in the `spec` section"]}}'
IN_GERMAN = json.dumps({"id": 6, "yaml_errors": "Die Eingaben sind nicht definiert"})
FORBIDDEN = '{"message": {"base": ["Insufficient permissions to set pipeline variables"]}}'


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED", "A_NEW_ONE"])
def test_every_ending_comes_home(function: Function, status: str) -> None:
    """However a build ends, one pipeline is started on its ref, and is told the build id and nothing else."""
    function.builds = [record(buildStatus=status)]
    assert function()["result"] == "triggered"
    assert function.gitlab.requests == [(PATH, BY_INPUT)]
    assert function.marker() == {"build_id": BUILD_ID, "state": "triggered", "pipeline_id": "7"}
    assert function.asked == [[BUILD_ID]]


def test_told_twice_is_done_once(function: Function) -> None:
    """Events arrive at least once; a pipeline is started once, and the second event is no error."""
    assert [function()["result"], function()["result"]] == ["triggered", "duplicate"]
    assert len(function.gitlab.requests) == 1


@pytest.mark.parametrize(
    ("status", "answer"), [(201, NO_INPUT), (201, NO_SPEC), (201, IN_GERMAN), (422, NO_SPEC_TOLD), (422, "{}")]
)
def test_a_pipeline_without_the_input_gets_a_variable(function: Function, status: int, answer: str) -> None:
    """Where `.gitlab-ci.yml` declares no such input, the build id comes as a variable, and the log says what to do."""
    function.gitlab.script = [(status, {}, answer), STARTED]
    assert function()["pipeline_id"] == "7"
    assert [form for _, form in function.gitlab.requests] == [BY_INPUT, BY_VARIABLE]
    assert "declares the input" in function.said


def test_a_file_that_is_wrong_altogether_is_told_once(function: Function) -> None:
    """When input and variable both fail for the YAML, one dead letter has GitLab's words about it."""
    function.gitlab.script = [(201, {}, '{"id": 6, "yaml_errors": "jobs config should contain a visible job"}')]
    assert function()["result"] == "refused"
    assert [form for _, form in function.gitlab.requests] == [BY_INPUT, BY_VARIABLE]
    ((_, exit_code, message),) = function.dead_letters()
    assert (exit_code, "a visible job" in message, "correct `.gitlab-ci.yml`" in message) == ("2", True, True)


def test_a_build_whose_ref_is_gone_is_nobodys_any_more(function: Function) -> None:
    """A deleted branch is no fault: no dead letter and no alarm, a note in the marker, and no second call."""
    function.gitlab.script = [(400, {}, '{"message": {"base": ["Reference not found"]}}')]
    assert [function()["result"], function()["result"]] == ["superseded", "duplicate"]
    assert (len(function.gitlab.requests), function.dead_letters()) == (1, [])
    assert function.marker() == {"build_id": BUILD_ID, "state": "superseded"}
    assert '"level": "error"' not in function.said


def test_inputs_can_be_switched_off(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GitLab that knows no pipeline inputs is sent the variable at once."""
    monkeypatch.setenv(VARIABLE, json.dumps({**function.settings, "inputs": False}))
    function()
    assert [form for _, form in function.gitlab.requests] == [BY_VARIABLE]


@pytest.mark.parametrize(
    ("answers", "waited_seconds"),
    [
        ([(429, {"Retry-After": "17"}, "slow"), STARTED], 17),
        ([(408, {}, ""), (500, {}, "{}"), (502, {}, "<html>"), (200, {}, "<html>login"), STARTED], 0),
        ([(201, {}, "[1]"), STARTED], 0),
    ],
)
def test_passing_faults_are_waited_out(function: Function, answers: list[Any], waited_seconds: float) -> None:
    """Throttling, server errors and pages that are no JSON are tried again, not sooner than GitLab asks for."""
    expected = len(answers)
    function.gitlab.script = answers
    assert function()["result"] == "triggered"
    assert len(function.gitlab.requests) == expected
    assert sum(function.waited) >= waited_seconds


def test_a_lasting_fault_is_lambdas_to_retry(function: Function) -> None:
    """After five attempts the function fails, nothing is buried, and the next run calls without waiting."""
    function.gitlab.script = [(503, {}, f"down {CANARY}")]
    with pytest.raises(MachineryError, match="could not be told"):
        function()
    assert (len(function.gitlab.requests), function.dead_letters()) == (5, [])
    function.gitlab.script, function.context.remaining_seconds = [STARTED], 120.0
    assert function()["result"] == "triggered"


def test_no_attempt_begins_too_late(function: Function) -> None:
    """GitLab's wish to wait longer than the run may live ends the run in order, with the claim given back."""
    function.context.remaining_seconds = 40.0
    function.gitlab.script = [(429, {"Retry-After": "3600"}, "")]
    with pytest.raises(MachineryError):
        function()
    assert (len(function.gitlab.requests), function.waited) == (1, [])
    assert function.marker()["state"] == "released"


@pytest.mark.parametrize(
    ("status", "text", "code", "said"),
    [
        (404, '{"message": "404 Not Found"}', "2", PARAMETER),
        (401, '{"message": "401 Unauthorized"}', "2", PARAMETER),
        (403, '{"error": "forbidden"}', "2", PARAMETER),
        (400, FORBIDDEN, "2", "ci_pipeline_variables_minimum_override_role"),
        (400, '{"message": {"base": ["Pipeline will not run for the selected trigger"]}}', "2", "will not run"),
        (302, "", "5", "redirects"),
        (400, json.dumps({"message": f"bad {CANARY} {quote(CANARY, safe='')}"}), "2", "[redacted]"),
        (400, json.dumps({"message": base64.b64encode(f"x:{CANARY}".encode()).decode()}), "2", "[redacted]"),
        (400, "\x00\ud7ff\x1b" + json.dumps({"message": "\x00\x1b"}), "2", "400"),
    ],
)
def test_what_no_retry_can_mend_is_buried_at_once(
    function: Function, status: int, text: str, code: str, said: str
) -> None:
    """A refusal is asked for once; the dead letter says what to change, and can be sent again when that is done."""
    function.gitlab.script = [(status, {"Location": "http://127.0.0.1:9/"}, text)]
    assert function()["result"] == "refused"
    assert len(function.gitlab.requests) == 1
    ((body, exit_code, message),) = function.dead_letters()
    assert (exit_code, said in message) == (code, True)
    function.gitlab.script = [STARTED]
    assert function(body)["result"] == "triggered"


@pytest.mark.parametrize(
    "builds",
    [
        pytest.param([], id="not known yet"),
        pytest.param([record(buildComplete=False, buildStatus="IN_PROGRESS")], id="still running"),
        pytest.param([record(buildComplete=False)], id="ended but not complete"),
    ],
)
def test_codebuild_may_lag_behind_its_events(function: Function, builds: list[Any]) -> None:
    """What CodeBuild does not say yet is asked again later; until then nothing is claimed and nobody is called."""
    function.builds = builds
    with pytest.raises(MachineryError):
        function()
    assert (function.gitlab.requests, function.marker(), function.dead_letters()) == ([], {}, [])


@pytest.mark.parametrize(
    "env",
    [
        {"ORCHESTRATOR_COMMIT_SHA": "abc"},
        {"ORCHESTRATOR_REF": "a\nb"},
        {"ORCHESTRATOR_REF": "x" * 1025},
        {"ORCHESTRATOR_PIPELINE_ID": "7; rm"},
    ],
)
def test_strange_builds_are_refused(function: Function, env: dict[str, str]) -> None:
    """A build whose variables `orchestrator build` cannot have sent calls nobody, and a person gets to know."""
    function.builds = [record(env=env)]
    assert function()["result"] == "refused"
    assert function.gitlab.requests == []
    assert [code for _, code, _ in function.dead_letters()] == ["5"]


def test_an_answer_about_another_build_is_refused(function: Function) -> None:
    """The record must be of the build that was asked for."""
    function.builds = [record(id=f"{PROJECT}:ffffffff-1111-2222-3333-444455556666")]
    assert function()["result"] == "refused"
    assert function.gitlab.requests == []


@pytest.mark.parametrize(
    "changes", [{"environment": {}}, {"env": {"ORCHESTRATOR_REF": ""}}], ids=["by hand", "rerun --local"]
)
def test_a_build_without_a_ref_is_nobodys(function: Function, changes: dict[str, Any]) -> None:
    """No pipeline waits for a build that was started without a ref."""
    function.builds = [record(**changes)]
    assert function()["result"] == "ignored"
    assert (function.gitlab.requests, function.marker(), function.dead_letters()) == ([], {}, [])


@pytest.mark.parametrize("value", ["", " \n", "two words"])
def test_a_parameter_without_a_token_is_told(function: Function, value: str) -> None:
    """A missing or unusable token is one dead letter that names the parameter; GitLab is not asked."""
    function.ssm.delete_parameter(Name=PARAMETER)
    if value:
        function.ssm.put_parameter(Name=PARAMETER, Value=value, Type="SecureString")
    assert function()["result"] == "refused"
    assert PARAMETER in function.dead_letters()[0][2]
    assert function.gitlab.requests == []


def test_a_run_that_died_is_taken_over_when_its_time_is_over(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between claim and call: the next run waits for the claim to run out, and then calls."""
    with monkeypatch.context() as patch:
        patch.setattr(handler, "start_pipeline", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            function()
    assert function.marker()["state"] == "claimed"
    with pytest.raises(MachineryError, match="another run"):
        function()
    assert function.gitlab.requests == []
    function.now += 120
    assert function()["result"] == "triggered"
    assert "an earlier run may have started a pipeline" in function.said


def test_two_runs_at_once_call_once(function: Function) -> None:
    """While one run talks to GitLab, another with the same event waits, and then finds that all is done."""
    seen: list[str] = []

    def second() -> None:
        function.gitlab.meanwhile = lambda: None
        with pytest.raises(MachineryError, match="another run"):
            handler.handle(event(), function.context)
        seen.append("waited")

    function.gitlab.meanwhile = second
    assert function()["result"] == "triggered"
    assert (seen, len(function.gitlab.requests)) == (["waited"], 1)
    assert function()["result"] == "duplicate"


def test_postbuild_has_the_last_word(function: Function) -> None:
    """What postbuild has noted while GitLab was being called stays, and settles every later event."""
    function.gitlab.meanwhile = lambda: function.write_marker(state="home", pipeline_id="9")
    assert function()["result"] == "triggered"
    assert function.marker()["state"] == "home"
    assert function() == {"build_id": BUILD_ID, "result": "duplicate", "pipeline_id": "9"}


def test_a_marker_that_cannot_be_updated_starts_no_second_pipeline(function: Function) -> None:
    """Once GitLab has accepted, a failing S3 is a warning, not a reason for Lambda to try again."""
    function.gitlab.meanwhile = lambda: (
        function.s3.delete_object(Bucket=BUCKET, Key=KEY) and function.s3.delete_bucket(Bucket=BUCKET)
    )
    assert function()["result"] == "triggered"
    assert "the marker was not updated" in function.said
    function.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"state": "triggered", "build_id": "other"}', b"\xff" * 9])
def test_a_strange_marker_is_refused(function: Function, content: bytes) -> None:
    """A marker that is not ours neither counts as done nor is overwritten."""
    function.s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)
    assert function()["result"] == "refused"
    assert function.gitlab.requests == []
    assert function.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == content
    function.s3.delete_object(Bucket=BUCKET, Key=KEY)


def test_a_queue_that_is_gone_makes_the_function_fail(function: Function) -> None:
    """A dead letter that cannot be sent is left to Lambda's own retries and dead letters."""
    function.gitlab.script = [(401, {}, "{}")]
    function.sqs.delete_queue(QueueUrl=function.queue)
    with pytest.raises(MachineryError, match="dead letter"):
        function()
    function.queue = function.sqs.create_queue(QueueName="another")["QueueUrl"]


def test_a_bug_is_told_without_the_token(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks, the log has a traceback and neither log nor exception has the token."""

    def broken(_gate: object, token: str, *_rest: object) -> None:
        raise ValueError(token)

    monkeypatch.setattr(handler, "start_pipeline", broken)
    with pytest.raises(OrchestratorError, match="bug of the function: ValueError") as caught:
        function()
    assert (caught.value.exit_code, caught.value.__context__) == (70, None)
    assert "ValueError: [redacted]" in function.said


def test_each_line_of_the_log_is_one_object(function: Function) -> None:
    """The log can be searched by field: every line is JSON with a level, a message and the request."""
    function.gitlab.script = [(401, {}, '{"message": "line one\\nline two"}')]
    function()
    lines = [json.loads(line) for line in function.said.splitlines() if line.startswith('{"level"')]
    assert {line["request_id"] for line in lines} == {"request-1"}
    assert any("line two" in line.get("detail", "") for line in lines)
