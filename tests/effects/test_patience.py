"""How long neighbours in trouble are asked again: the pauses by themselves, and real clients against real faults."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from email.utils import formatdate
from math import inf
from pathlib import Path
from time import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, SSLError
from hypothesis import given
from hypothesis import strategies as st
from instant import Instant

from orchestrator.aws_calls import passes
from orchestrator.effects import aws
from orchestrator.effects.codebuild import CloudWatchLogs, CodeBuildService
from orchestrator.effects.gitlab import GitLabPipelines, GitLabStatus
from orchestrator.effects.parameters import ParameterStore
from orchestrator.effects.store import S3Store, caller_account
from orchestrator.emulator import faults
from orchestrator.emulator.control import Running
from orchestrator.errors import CredentialsExpired, MachineryError, OrchestratorError
from orchestrator.gitlab_trigger import Gate, start_pipeline
from orchestrator.patience import AWS, GITLAB, Bout, Pace, Patience

REGION, ACCOUNT = "eu-central-1", "123456789012"
TRIGGER = "POST /projects/:project/trigger/pipeline"


def script(service: str, operation: str, *answers: Any, times: int | None = None) -> dict[str, Any]:
    """Return a script of one rule."""
    rule: dict[str, Any] = {"service": service, "operation": operation, "answers": list(answers)}
    return {"rules": [rule | ({"times": times} if times else {})]}


@given(
    first=st.floats(0.1, 10),
    longest=st.floats(10, 60),
    deadline=st.floats(1, 600) | st.just(inf),
    attempts=st.integers(1, 12),
    asked=st.floats(0, 1e6),
    share=st.floats(0, 1),
)
def test_every_bout_ends(
    first: float, longest: float, deadline: float, attempts: int, asked: float, share: float
) -> None:
    """Pauses are as long as asked for up to the longest, and neither attempts nor deadline are ever exceeded."""
    instant = Instant()
    patience = Patience(sleep=instant.sleep, monotonic=lambda: instant.now, jitter=lambda bound: bound * share)
    bout = Bout(Pace(first, longest, deadline, attempts), patience)
    while bout.pause(asked):
        assert len(instant.slept) < attempts
    assert instant.now < deadline
    assert all(min(asked, longest) <= pause <= longest for pause in instant.slept)


def test_a_success_makes_the_next_pause_short_again() -> None:
    """After an answer the pauses begin anew, and so does the deadline."""
    instant = Instant()
    bout = Bout(AWS, instant.patience)
    assert all(bout.pause() for _ in range(5))
    grown = list(instant.slept)
    bout.over()
    assert bout.pause()
    assert grown == [1, 2, 4, 8, 16]
    assert instant.slept[-1] == 1
    assert bout.left_seconds() == AWS.deadline_seconds - 1


def test_jitter_is_full() -> None:
    """Two who fail at once do not come back at once: pauses are drawn from zero to their bound."""
    drawn = [Patience().jitter(8.0) for _ in range(300)]
    assert all(0 <= pause <= 8 for pause in drawn)
    assert min(drawn) < 2 and max(drawn) > 6


def _refusal(code: str, status: int) -> ClientError:
    told: Any = {"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(told, "X")


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        *((_refusal(code, 400), True) for code in (
            "ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown",
            "RequestTimeout", "PriorRequestNotComplete", "ConditionalRequestConflict")),
        *((_refusal("x", status), True) for status in (408, 429, 500, 502, 503, 504)),
        (ConnectTimeoutError(endpoint_url="x"), True),
        *((_refusal(code, 400), False) for code in (
            "AccessDeniedException", "InvalidInputException", "ResourceNotFoundException", "ExpiredTokenException",
            "AccountLimitExceededException")),
        *((_refusal("x", status), False) for status in (400, 403, 404, 412)),
        (SSLError(endpoint_url="x", error="certificate"), False),
    ],
)  # fmt: skip
def test_only_what_passes_is_asked_again(error: Exception, passing: bool) -> None:
    """Throttling, trouble of the service and broken connections pass; a refusal does not, and is told at once."""
    assert passes(error) is passing


class Calls:
    """Every call of AWS that the stages make, on a bucket and a project of their own."""

    def __init__(self, folder: Path) -> None:
        self.instant = Instant()
        patience = self.instant.patience
        self.bucket, self.project = f"b-{uuid.uuid4().hex[:20]}", f"p-{uuid.uuid4().hex[:12]}"
        s3 = aws.client("s3", REGION)
        s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=self.bucket, Key="there", Body=b"x", Metadata={"orchestrator-sha256": "d"})
        aws.client("codebuild", REGION).create_project(
            name=self.project,
            source={
                "type": "NO_SOURCE",
                "buildspec": '{"version": "0.2", "phases": {"build": {"commands": ["true"]}}}',
            },
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "ARM_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole="arn:aws:iam::123456789012:role/build",
        )
        codebuild = self.codebuild = CodeBuildService(REGION, patience)
        store = self.store = S3Store(self.bucket, ACCOUNT, region=REGION, patience=patience)
        build = codebuild.start(self.project, {}, uuid.uuid4().hex).id
        target = folder / "there"
        digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        self.all: dict[str, Callable[[], Any]] = {
            "BatchGetProjects": lambda: self.project in codebuild.projects([self.project]),
            "StartBuild": lambda: codebuild.start(self.project, {}, "t" * 30).id == codebuild.start(
                self.project, {}, "t" * 30).id,
            "BatchGetBuilds": lambda: build in codebuild.builds([build]),
            "ListBuildsForProject": lambda: codebuild.newest(self.project, limit=5)[-1].id == build,
            "StopBuild": lambda: codebuild.stop(build).id == build,
            "PutObject": lambda: store.put_new(uuid.uuid4().hex, b"x", sha256="d") in {True, False},
            "HeadObject": lambda: store.exists("there"),
            "GetObject": lambda: store.download("there", None, target, size_bytes=1, sha256=digest) is None
            and store.read("there", limit_bytes=9) == b"x",
            "DescribeParameters": lambda: ParameterStore(REGION, patience).missing(["/none"]) == ["/none"],
            "GetCallerIdentity": lambda: caller_account(REGION, patience) == ACCOUNT,
        }  # fmt: skip


SERVICES = {
    "codebuild": ["BatchGetProjects", "StartBuild", "BatchGetBuilds", "ListBuildsForProject", "StopBuild"],
    "s3": ["PutObject", "HeadObject", "GetObject"],
    "ssm": ["DescribeParameters"],
    "sts": ["GetCallerIdentity"],
}
PASSING = ["throttle", {"kind": "status", "status": 503}, "html", "lost_response"]


@pytest.fixture
def calls(world: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    """Return the calls, by clients that leave the repeating to us: botocore's own pauses are real time."""
    from botocore.config import Config

    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    monkeypatch.setattr(aws, "CONFIG", aws.CONFIG.merge(once))
    return Calls(tmp_path)


def test_every_call_of_aws_outlasts_a_bad_moment(calls: Calls, world: Running) -> None:
    """Throttled, failing, answered by a proxy's page, or cut off after it has happened: each call ends as it should."""
    for service, operations in SERVICES.items():
        for operation in operations:
            for answer in PASSING:
                with faults.injected(world, script(service, operation, answer, answer)) as journal:
                    assert calls.all[operation](), (operation, answer)
                    assert [line["operation"] for line in journal()] == [operation] * 2, answer
    assert "AWS did not answer StartBuild (ThrottlingException): trying again in 1 seconds" in calls.instant.said


@pytest.mark.parametrize(
    ("service", "operation"), [("codebuild", "BatchGetBuilds"), ("s3", "HeadObject"), ("ssm", "DescribeParameters")]
)
def test_what_does_not_pass_ends_with_three(calls: Calls, world: Running, service: str, operation: str) -> None:
    """Two minutes of throttling end the call, with exit 3 and after pauses that have grown."""
    with faults.injected(world, script(service, operation, "throttle", times=1000)) as journal:
        with pytest.raises(MachineryError) as caught:
            calls.all[operation]()
        assert len(journal()) == 10
    assert caught.value.exit_code == 3
    assert calls.instant.slept == [1, 2, 4, 8, 16, 20, 20, 20, 20]


def test_an_address_where_nobody_is_costs_seconds(
    scripted: Callable[..., Any], answer: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong endpoint is told after seconds; one that has answered before and then is gone is waited for."""
    body = json.dumps({"projects": []}).encode()
    for reached, least in ((False, 5), (True, 100)):
        server = scripted(answer(200, body, Content_Type="application/x-amz-json-1.1"))
        instant = Instant()
        service = CodeBuildService(REGION, instant.patience)
        if reached:
            assert service.projects(["p"]) == {}
        server.close()
        with pytest.raises(MachineryError, match="cannot read"):
            service.projects(["p"])
        assert least <= instant.now <= least + 20


def test_a_lost_answer_starts_one_build(calls: Calls, world: Running) -> None:
    """However often the answer to StartBuild gets lost, there is one build, and it is the one that is returned."""
    token = uuid.uuid4().hex
    before = len(calls.codebuild.newest(calls.project, limit=50))
    with faults.injected(world, script("codebuild", "StartBuild", "lost_response", times=3)):
        started = calls.codebuild.start(calls.project, {"A": "1"}, token)
    newest, *others = calls.codebuild.newest(calls.project, limit=50)
    assert (newest.id, len(others)) == (started.id, before)


def test_a_write_whose_answer_is_lost_is_our_own(calls: Calls, world: Running) -> None:
    """A conditional write that meets what it has written itself has succeeded; what others wrote still wins."""
    with faults.injected(world, script("s3", "PutObject", "lost_response", "pass")):
        assert calls.store.replace("record", b"ours", tag=None)
    assert not calls.store.replace("record", b"other", tag=None)
    with faults.injected(world, script("s3", "PutObject", "lost_response", "pass")):
        assert not calls.store.put_new("record-2", b"x", sha256="d")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<p>Zurückgewiesen</p>".encode("latin-1")),
        (503, "gesperrt: ü".encode("latin-1")),
        (200, b"1"),
        (400, b"null"),
    ],
    ids=["latin page", "latin error", "a number", "null"],
)
def test_a_page_that_no_parser_takes_is_no_answer(
    scripted: Callable[..., Any], answer: Callable[..., bytes], status: int, body: bytes
) -> None:
    """What a proxy makes up in another alphabet, or as JSON that is no object, is asked again and decides nothing."""
    scripted(answer(status, body), answer(200, b'{"projects": []}'))
    instant = Instant()
    assert CodeBuildService(REGION, instant.patience).projects(["p"]) == {}
    assert instant.slept == [1]


def test_a_redirect_without_end_is_a_fault_of_the_network(
    scripted: Callable[..., Any], answer: Callable[..., bytes]
) -> None:
    """A page to log in that a proxy sends S3 to makes botocore turn in circles; that is no bug of ours."""
    scripted(answer(302, b"", Location="/login"))
    patience = Patience(remaining_seconds=lambda: 0.0)
    with pytest.raises(MachineryError):
        S3Store("b", ACCOUNT, region=REGION, patience=patience).exists("k")


def test_a_log_never_fails(calls: Calls, world: Running) -> None:
    """A log that cannot be read is no lines and a few seconds, whatever CloudWatch answers."""
    from dataclasses import replace

    build = replace(calls.codebuild.newest(calls.project, limit=1)[0], log_group="g", log_stream="s")
    for answer in ("throttle", "html", "missing_log_stream", {"kind": "status", "status": 500}, "lost_request"):
        instant = Instant()
        with faults.injected(world, script("logs", "GetLogEvents", answer, times=1000)):
            assert CloudWatchLogs(REGION, instant.patience).last_lines(build, 5) == []
        assert instant.now <= 15


def test_credentials_that_were_renewed_are_used(calls: Calls, world: Running) -> None:
    """Expired credentials are read again where they come from, once for each call, with no pause."""
    expired = {"kind": "error", "code": "ExpiredTokenException", "message": "old"}
    with faults.injected(world, script("codebuild", "BatchGetProjects", expired)):
        assert calls.all["BatchGetProjects"]()
    assert calls.instant.slept == []
    with faults.injected(world, script("codebuild", "BatchGetProjects", expired, times=100)) as journal:
        with pytest.raises(CredentialsExpired) as caught:
            calls.all["BatchGetProjects"]()
        assert (caught.value.exit_code, len(journal())) == (3, 2)


def test_a_new_web_identity_token_is_read(
    world: Running, calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a web identity file, the credentials after an expiry come from what the file holds then."""
    file = tmp_path / "token"
    file.write_text("first")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    monkeypatch.setenv("AWS_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/start")
    aws.forget_credentials()
    assert calls.all["BatchGetProjects"]()
    first = aws._session().get_credentials().access_key
    file.write_text("second")
    expired = {"kind": "error", "code": "ExpiredTokenException", "message": "old"}
    with faults.injected(world, script("codebuild", "BatchGetProjects", expired)):
        assert calls.all["BatchGetProjects"]()
    assert aws._session().get_credentials().access_key != first


def _status(url: str, instant: Instant) -> GitLabStatus:
    return GitLabStatus(url, "1", "t", instant.said.append, instant.patience)


STATUS = {"state": "running", "name": "n", "ref": "", "pipeline_id": "", "description": "", "url": ""}


def test_a_status_decides_nothing_whatever_is_answered(
    scripted: Callable[..., Any], answer: Callable[..., bytes]
) -> None:
    """A refusal that no JSON parser gets to the end of is told like any other."""
    instant = Instant()
    server = scripted(answer(400, b"[" * 100_000, Content_Type="application/json"))
    _status(server.url, instant).report(sha="0" * 40, **STATUS)
    assert instant.said == ["the commit status was not set (GitLab answered nothing)"]


@pytest.mark.parametrize(
    ("first", "pauses"),
    [
        ((408, b"{}", {}), [2]),
        ((429, b"Retry later", {}), [2]),
        ((429, b"Retry later", {"Retry_After": "17"}), [17]),
        ((429, b"Retry later", {"Retry_After": "86400"}), [60]),
        ((500, b"{}", {}), [2]),
        ((503, b"<html>", {"Retry_After": "soon"}), [2]),
        ((200, b"<html>just a moment</html>", {"Content_Type": "text/html"}), [2]),
        ((200, b"[{", {"Content_Type": "application/json"}), [2]),
        (
            (400, b'{"message": {"base": ["Too many pipelines created in the last minute. Try again."]}}', {}),
            [60],
        ),
        ((404, b"{}", {}), None),
        ((401, b"{}", {}), None),
        ((422, b"{}", {}), None),
    ],
)
def test_gitlab_is_asked_again_at_one_pace(
    scripted: Callable[..., Any], answer: Callable[..., bytes], first: Any, pauses: list[float] | None
) -> None:
    """python-gitlab and the trigger call wait for the same answers, and for the same time."""
    status, body, headers = first
    jobs = answer(200, b"[]", Content_Type="application/json")
    server = scripted(answer(status, body, **headers), jobs)
    watching = Instant()
    if pauses is None:
        with pytest.raises(OrchestratorError):
            GitLabPipelines(server.url, "1", "t", watching.patience).jobs(1)
    else:
        assert GitLabPipelines(server.url, "1", "t", watching.patience).jobs(1) == []
    assert watching.slept == (pauses or [])
    server = scripted(answer(status, body, **headers), answer(201, b'{"id": 7}'))
    calling = Instant()
    try:
        start_pipeline(Gate(server.url, "1", "/t", inputs=False), "canary", "main", "p:1", calling.patience)
    except OrchestratorError:
        assert pauses is None
    assert calling.slept == (pauses or [])


def test_a_date_in_retry_after_counts(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """`Retry-After` may be a date (RFC 9110); it is kept by python-gitlab's calls as well."""
    later = answer(503, b"{}", Retry_After=formatdate(time() + 30, usegmt=True))
    instant = Instant()
    server = scripted(later, answer(200, b"[]", Content_Type="application/json"))
    GitLabPipelines(server.url, "1", "t", instant.patience).jobs(1)
    assert 25 < instant.slept[0] <= 30


def test_gitlab_has_five_attempts(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """Five attempts and no more, three for a status, one if it may come too late; no connection is no answer either."""
    for url, attempts in ((scripted(answer(502, b"x")).url, 5), ("http://127.0.0.1:9", 5)):
        instant = Instant()
        with pytest.raises(MachineryError):
            GitLabPipelines(url, "1", "t", instant.patience).jobs(1)
        assert len(instant.slept) == attempts - 1 == GITLAB.attempts - 1
        instant = Instant()
        _status(url, instant).report("f" * 40, **{**STATUS, "state": "success"})
        assert len(instant.slept) == 2
        assert sum(instant.slept) <= 20
        _status(url, instant).report("f" * 40, **{**STATUS, "state": "running"})
        assert len(instant.slept) == 2


def test_a_status_that_is_there_already_is_no_news(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """A repeated job sets the status that the first has set: GitLab refuses, and nobody is told of it."""
    said = json.dumps({"message": "Cannot transition status via :run from :running"}).encode()
    server = scripted(answer(400, said, Content_Type="application/json"))
    instant = Instant()
    _status(server.url, instant).report("f" * 40, **STATUS)
    assert instant.said == []


def test_files_of_jobs_need_not_be_json(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """A log and an HTML report among artifacts are what they are, and asked for once."""
    server = scripted(answer(200, b"<html>report</html>", Content_Type="text/html"))
    instant = Instant()
    pipelines = GitLabPipelines(server.url, "1", "t", instant.patience)
    assert pipelines.trace(1) == "<html>report</html>"
    assert pipelines.artifact(1, "report.html") == b"<html>report</html>"
    assert instant.slept == []
