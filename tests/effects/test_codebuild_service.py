"""CodeBuild and its logs, as the emulator and scripted answers give them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from instant import Instant

from orchestrator.effects import aws
from orchestrator.effects.codebuild import CloudWatchLogs, CodeBuildService
from orchestrator.errors import (
    AskedDifferently,
    ConfigurationError,
    CredentialsExpired,
    MachineryError,
    OrchestratorError,
    QueueFull,
    RoleUnknown,
)
from orchestrator.records import BuildRecord

REGION = "eu-central-1"
SERVICE = CodeBuildService(REGION, Instant().patience)
BUILDSPEC = 'version: 0.2\nphases:\n  build:\n    commands:\n      - echo "<$GIVEN>"\n'


@pytest.fixture
def project(world: object) -> str:
    """Return a CodeBuild project that prints the variable GIVEN."""
    name = f"p-{uuid.uuid4().hex[:12]}"
    aws.client("codebuild", REGION).create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": BUILDSPEC},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "ARM_CONTAINER",
            "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "ORCHESTRATOR_BUCKET", "value": "bucket"}],
        },
        serviceRole="arn:aws:iam::123456789012:role/build",
        tags=[{"key": "orchestrator-settings-digest", "value": "d"}],
    )
    return name


def ended(build_id: str) -> BuildRecord:
    """Return the record of a build once it is complete."""
    import time

    for _ in range(400):
        record = SERVICE.builds([build_id])[build_id]
        if record.complete:
            return record
        time.sleep(0.03)
    raise AssertionError("the build did not end")


@pytest.mark.parametrize("value", ["", "plain", "x,type=SECRETS_MANAGER", "/aws/reference/secretsmanager/x", "ü $(id)"])
def test_a_variable_is_only_ever_text(project: str, value: str) -> None:
    """Whatever a value looks like, it is sent as PLAINTEXT and reaches the build unchanged."""
    record = SERVICE.start(project, {"GIVEN": value}, uuid.uuid4().hex)
    assert ended(record.id).variables["GIVEN"] == value
    raw = aws.client("codebuild", REGION).batch_get_builds(ids=[record.id])["builds"][0]
    given = [item for item in raw["environment"]["environmentVariables"] if item["name"] == "GIVEN"]
    assert given == [{"name": "GIVEN", "value": value, "type": "PLAINTEXT"}]


def test_the_same_token_gives_the_same_build(project: str) -> None:
    """A job that is retried because the answer got lost does not start a second build."""
    token = uuid.uuid4().hex
    assert SERVICE.start(project, {"GIVEN": "x"}, token).id == SERVICE.start(project, {"GIVEN": "x"}, token).id


def test_the_newest_builds_come_first(project: str) -> None:
    """Builds are listed newest first, as many as asked for, with the times they began and ended."""
    ids = [SERVICE.start(project, {}, uuid.uuid4().hex).id for _ in range(3)]
    assert [one.id for one in SERVICE.newest(project, limit=2)] == ids[:0:-1]
    last = ended(ids[0])
    assert last.started
    assert last.ended
    assert last.ended >= last.started


def test_a_build_can_be_stopped_twice(project: str) -> None:
    """Stopping a build ends it; stopping it again changes nothing and is no failure."""
    aws.client("codebuild", REGION).update_project(
        name=project,
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: [sleep 30]}}\n"},
    )
    record = SERVICE.start(project, {}, uuid.uuid4().hex)
    assert not record.complete
    SERVICE.stop(record.id)
    assert ended(record.id).status == "STOPPED"
    assert SERVICE.stop(record.id).status == "STOPPED"


def test_a_project_is_described_by_what_prebuild_left(project: str) -> None:
    """Digest, bucket and account of a project are read from CodeBuild alone."""
    record = SERVICE.projects([project])[project]
    assert (record.settings_digest, record.bucket, record.account) == ("d", "bucket", "123456789012")


def test_more_than_a_hundred_names_are_asked_for_in_batches(project: str) -> None:
    """Any number of ids and names can be looked up; those that nobody knows are left out."""
    build = SERVICE.start(project, {}, uuid.uuid4().hex).id
    unknown = [f"{project}:{uuid.uuid4()}" for _ in range(230)]
    assert list(SERVICE.builds([*unknown, build, build])) == [build]
    assert list(SERVICE.projects([*(f"none-{number}" for number in range(230)), project])) == [project]
    assert SERVICE.builds([]) == {}
    assert SERVICE.projects([]) == {}


def test_a_missing_project_asks_for_prebuild(world: object) -> None:
    """Starting a build of a project that does not exist is the user's to correct, and says how."""
    with pytest.raises(ConfigurationError, match="no-such-project") as caught:
        SERVICE.start("no-such-project", {}, uuid.uuid4().hex)
    assert "orchestrator prebuild" in caught.value.hint


def test_the_log_is_read_from_its_end(project: str) -> None:
    """The last lines of a log are what the build printed last, at most as many as asked for."""
    record = ended(SERVICE.start(project, {"GIVEN": "one\ntwo\rthree"}, uuid.uuid4().hex).id)
    lines = CloudWatchLogs(REGION, Instant().patience).last_lines(record, 500)
    assert {"<one", "three>"} <= set(lines)
    assert not any("\n" in line or "\r" in line for line in lines)
    assert len(CloudWatchLogs(REGION, Instant().patience).last_lines(record, 2)) == 2


@pytest.mark.parametrize(
    "place", [{"log_stream": "no-such-stream"}, {"log_group": "no-such-group"}, {"log_group": None}], ids=str
)
def test_a_log_that_is_not_there_decides_nothing(project: str, place: dict[str, Any]) -> None:
    """A missing group or stream gives no lines, and no failure."""
    from dataclasses import replace

    record = ended(SERVICE.start(project, {}, uuid.uuid4().hex).id)
    assert CloudWatchLogs(REGION, Instant().patience).last_lines(replace(record, **place), 10) == []


def _build(**changes: Any) -> dict[str, Any]:
    build_id = "p:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    return {
        "id": build_id,
        "arn": f"arn:aws:codebuild:eu-central-1:123456789012:build/{build_id}",
        "projectName": "p",
        "buildStatus": "SUCCEEDED",
        "buildComplete": True,
        **changes,
    }


def _serve(scripted: Callable[..., Any], answer: Callable[..., bytes], build: dict[str, Any]) -> BuildRecord:
    scripted(answer(200, json.dumps({"builds": [build]}).encode(), Content_Type="application/x-amz-json-1.1"))
    return SERVICE.builds([build["id"]])[build["id"]]


def test_builds_are_listed_page_by_page(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """The list is read until there are enough, and what CodeBuild does not know any more is left out."""
    first, second = ({"ids": [f"p:{n}" for n in page], "nextToken": "more"} for page in ("12", "34"))
    known = {"builds": [_build(id=f"p:{n}") for n in "31"]}
    scripted(
        *(answer(200, json.dumps(item).encode(), Content_Type="application/x-amz-json-1.1")
          for item in (first, second, known))
    )  # fmt: skip
    assert [one.id for one in SERVICE.newest("p", limit=3)] == ["p:1", "p:3"]


def test_a_status_that_nobody_knows_yet_is_kept(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """A word that a newer CodeBuild has added arrives as it is, so that nobody takes it for success."""
    assert _serve(scripted, answer, _build(buildStatus="PAUSED_BY_MOON")).status == "PAUSED_BY_MOON"


def test_secret_variables_of_a_build_are_not_believed(
    scripted: Callable[..., Any], answer: Callable[..., bytes]
) -> None:
    """A variable that refers to a secret is no text of ours: only PLAINTEXT ones are read."""
    variables = [
        {"name": "ORCHESTRATOR_COMMIT_SHA", "value": "/some/secret", "type": "PARAMETER_STORE"},
        {"name": "ORCHESTRATOR_REF", "value": "main", "type": "PLAINTEXT"},
    ]
    record = _serve(scripted, answer, _build(environment={"environmentVariables": variables}))
    assert record.variables == {"ORCHESTRATOR_REF": "main"}


def test_a_bare_record_is_enough(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """A build that has just been accepted has no phases, logs or times yet, and can be read."""
    record = _serve(scripted, answer, _build(buildComplete=False, buildStatus="IN_PROGRESS"))
    assert (record.complete, record.phases, record.exported, record.log_group) == (False, (), {}, None)
    assert record.failed_phase is None


@pytest.mark.parametrize(
    ("code", "said", "failure", "words"),
    [
        ("AccountLimitExceededException", "Cannot have more than 3 builds in queue for the account", QueueFull, "wait"),
        (
            "AccountLimitExceededException",
            "Cannot have more than 0 builds in queue for the account",
            ConfigurationError,
            "ask AWS support",
        ),
        ("AccountLimitExceededException", "in words of tomorrow", QueueFull, "wait"),
        ("ResourceNotFoundException", "no", ConfigurationError, "prebuild"),
        ("AccessDeniedException", "no", ConfigurationError, "StartBuild"),
        ("ExpiredTokenException", "old", CredentialsExpired, "log in again"),
        ("UnrecognizedClientException", "no", ConfigurationError, "credentials"),
        ("MissingAuthenticationTokenException", "no", ConfigurationError, "credentials"),
        ("ThrottlingException", "Rate exceeded", MachineryError, "retry"),
        ("InvalidInputException", "no", MachineryError, "retry"),
        (
            "InvalidInputException",
            "CodeBuild is not authorized to perform: sts:AssumeRole on arn",
            RoleUnknown,
            "either",
        ),
        ("InvalidInputException", "not authorized to perform: sts:AssumeRole on arn", MachineryError, "retry"),
        ("InvalidInputException", "The idempotency token was used before", AskedDifferently, "retry"),
        ("IdempotentParameterMismatchException", "no", AskedDifferently, "retry"),
        ("InvalidInputException", "a parameter mismatch error", AskedDifferently, "retry"),
    ],
)
def test_every_refusal_has_its_exit_code(
    scripted: Callable[..., Any],
    answer: Callable[..., bytes],
    code: str,
    said: str,
    failure: type[OrchestratorError],
    words: str,
) -> None:
    """What CodeBuild refuses is told with its own words, a hint, and the exit code of its class."""
    body = json.dumps({"__type": code, "message": said}).encode()
    scripted(answer(400, body, Content_Type="application/x-amz-json-1.1"))
    with pytest.raises(failure) as caught:
        SERVICE.start("p", {}, "t" * 32)
    assert type(caught.value) is failure
    assert words in caught.value.hint
    assert code in caught.value.detail or code == "ResourceNotFoundException"


@pytest.mark.parametrize("body", [b"", b"<html>gateway</html>", b"{}", b"["], ids=repr)
def test_answers_that_are_none_are_machinery(
    scripted: Callable[..., Any], answer: Callable[..., bytes], body: bytes
) -> None:
    """A proxy's error page instead of an answer ends with 3, never with a bug report or success."""
    scripted(answer(200, body))
    with pytest.raises(MachineryError):
        SERVICE.builds(["p:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"])
