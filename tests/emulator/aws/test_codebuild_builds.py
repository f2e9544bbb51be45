"""Builds as records: start, tokens, limits, stop, retry, lists, and what survives a restart."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

_QUICK = "version: 0.2\nphases: {build: {commands: [true]}}"
_LONG = "version: 0.2\nphases:\n  build:\n    commands:\n      - sleep 60\n"


def test_a_build_tells_what_it_is_made_of(aws: Any, phase_status: Any) -> None:
    """Id, number, phases in order, and no log before there is one."""
    name = aws.project(_QUICK)
    client = aws.client("codebuild")
    started = client.start_build(projectName=name)["build"]
    assert started["id"].startswith(f"{name}:")
    assert (started["buildNumber"], started["buildStatus"], started["buildComplete"]) == (1, "IN_PROGRESS", False)
    assert "groupName" not in started["logs"] or started["currentPhase"] != "QUEUED"
    build = aws.finished(started["id"])
    assert list(phase_status(build)) == [
        "SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD",
        "UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED",
    ]  # fmt: skip
    assert build["logs"]["groupName"] == f"/aws/codebuild/{name}"
    assert build["logs"]["streamName"] == build["id"].partition(":")[2]
    assert build["endTime"] >= build["startTime"]
    assert (
        client.start_build(projectName=build["arn"].replace(":build/", ":project/").rpartition(":")[0])["build"][
            "buildNumber"
        ]
        == 2
    )


def test_variables_of_start_build_are_merged_over_the_projects(aws: Any) -> None:
    """BatchGetBuilds shows the merged list with types."""
    environment = {
        "type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    }  # fmt: skip
    override = [{"name": "B", "value": "3"}, {"name": "C", "value": "4", "type": "PLAINTEXT"}]
    build = aws.build(_QUICK, environment=environment, start={"environmentVariablesOverride": override})
    assert build["environment"]["environmentVariables"] == [
        {"name": "A", "value": "1", "type": "PLAINTEXT"},
        {"name": "B", "value": "3", "type": "PLAINTEXT"},
        {"name": "C", "value": "4", "type": "PLAINTEXT"},
    ]


def test_an_idempotency_token_starts_one_build(aws: Any) -> None:
    """Same token and parameters: same build; other parameters: refused."""
    client = aws.client("codebuild")
    name = aws.project(_QUICK)
    first = client.start_build(projectName=name, idempotencyToken="t1")["build"]["id"]
    assert client.start_build(projectName=name, idempotencyToken="t1")["build"]["id"] == first
    with pytest.raises(client.exceptions.InvalidInputException):
        client.start_build(projectName=name, idempotencyToken="t1", imageOverride="y")
    assert client.start_build(projectName=name, idempotencyToken="t2")["build"]["id"] != first


def test_a_full_project_refuses_and_a_stop_makes_room(aws: Any, phase_status: Any) -> None:
    """ConcurrentBuildLimit refuses the next build; a stopped build ends at once and runs nothing more."""
    client = aws.client("codebuild")
    spec = _LONG + "  post_build:\n    commands: [echo after]\n"
    name = aws.project(spec, concurrentBuildLimit=1)
    first = client.start_build(projectName=name)["build"]["id"]
    with pytest.raises(client.exceptions.AccountLimitExceededException):
        client.start_build(projectName=name)
    aws.wait_for(first, lambda build: build["currentPhase"] == "BUILD")
    assert client.batch_delete_builds(ids=[first])["buildsNotDeleted"][0]["id"] == first
    began = time.monotonic()
    client.stop_build(id=first)
    build = aws.finished(first)
    assert time.monotonic() - began < 30  # the command sleeps for twice as long
    assert (build["buildStatus"], phase_status(build)["BUILD"]) == ("STOPPED", "STOPPED")
    assert "POST_BUILD" not in phase_status(build)
    assert client.stop_build(id=first)["build"]["buildStatus"] == "STOPPED"
    client.stop_build(id=client.start_build(projectName=name)["build"]["id"])


def test_a_retry_repeats_the_overrides(aws: Any) -> None:
    """RetryBuild is a new build with the variables of the old one."""
    variables = [{"name": "V", "value": "again", "type": "PLAINTEXT"}]
    old = aws.build(_QUICK, start={"environmentVariablesOverride": variables})
    new = aws.finished(aws.client("codebuild").retry_build(id=old["id"])["build"]["id"])
    assert (new["buildNumber"], new["environment"]["environmentVariables"]) == (2, variables)


def test_builds_are_listed_newest_first_and_deleted(aws: Any) -> None:
    """Lists know both orders; a deleted build is gone."""
    client = aws.client("codebuild")
    name = aws.project(_QUICK)
    ids = [aws.finished(client.start_build(projectName=name)["build"]["id"])["id"] for _ in range(3)]
    assert client.list_builds_for_project(projectName=name)["ids"] == ids[::-1]
    assert client.list_builds_for_project(projectName=name, sortOrder="ASCENDING")["ids"] == ids
    assert set(ids) <= set(client.list_builds()["ids"])
    assert len(client.batch_delete_builds(ids=[ids[0]])["buildsDeleted"]) == 1
    answer = client.batch_get_builds(ids=ids)
    assert (len(answer["builds"]), answer["buildsNotFound"]) == (2, [ids[0]])


def test_batch_get_builds_takes_at_most_a_hundred_ids(aws: Any) -> None:
    """More are refused."""
    with pytest.raises(ClientError) as caught:
        aws.client("codebuild").batch_get_builds(ids=["p:1"] * 101)
    assert caught.value.response["Error"]["Code"] == "InvalidInputException"


def test_a_build_that_outlives_the_emulator_is_a_fault(tmp_path: Path, aws: Any) -> None:
    """Projects and builds survive; what was running is FAULT, and its processes are gone."""
    world = type(aws)(tmp_path)
    name = world.project(_LONG.replace("sleep 60", f"'touch {tmp_path}/alive; sleep 60'"))
    running = world.client("codebuild").start_build(projectName=name)["build"]["id"]
    while not (tmp_path / "alive").exists():
        time.sleep(0.02)
    second = type(aws)(tmp_path)  # as if the first had been killed
    try:
        build = second.finished(running)
        assert (build["buildStatus"], build["phases"][-2]["phaseStatus"]) == ("FAULT", "FAULT")
        assert second.client("codebuild").start_build(projectName=name)["build"]["buildNumber"] == 2
    finally:
        second.close()
        world.close()


def test_a_build_that_waits_too_long_is_timed_out(own_aws: Any, phase_status: Any) -> None:
    """With every place taken, a build ends in QUEUED after its queuedTimeout; stopped there, it never starts."""
    client = own_aws.client("codebuild")
    name = own_aws.project(_LONG, timeoutInMinutes=2000)
    running = [client.start_build(projectName=name)["build"]["id"] for _ in range(10)]
    for identifier in running:
        own_aws.wait_for(identifier, lambda build: build["currentPhase"] != "QUEUED")
    waiting = client.start_build(projectName=name, queuedTimeoutInMinutesOverride=5)["build"]["id"]
    stopped = client.start_build(projectName=name)["build"]["id"]
    assert client.stop_build(id=stopped)["build"]["buildStatus"] == "STOPPED"
    assert phase_status(own_aws.finished(stopped)) == {"SUBMITTED": "SUCCEEDED", "QUEUED": "STOPPED", "COMPLETED": ""}
    build = own_aws.finished(waiting)
    assert (build["buildStatus"], phase_status(build)["QUEUED"]) == ("TIMED_OUT", "TIMED_OUT")
    assert "groupName" not in build["logs"]


def test_stop_is_heard_in_finalizing_and_forgiving(aws: Any, phase_status: Any) -> None:
    """An EXIT trap that hangs can be stopped; a build that has ended keeps its status."""
    client = aws.client("codebuild")
    name = aws.project(_LONG.replace("sleep 60", "trap 'sleep 60' EXIT"))
    identifier = client.start_build(projectName=name)["build"]["id"]
    aws.wait_for(identifier, lambda build: build["currentPhase"] == "FINALIZING")
    assert [client.stop_build(id=identifier)["build"]["buildStatus"] for _ in range(2)] == ["STOPPED", "STOPPED"]
    assert phase_status(aws.finished(identifier))["FINALIZING"] == "STOPPED"
    done = aws.build(_QUICK)
    assert client.stop_build(id=done["arn"])["build"]["buildStatus"] == "SUCCEEDED"


def test_a_finished_build_has_the_shape_of_the_service(aws: Any) -> None:
    """Times are times, every ended phase has a duration and a context, and nothing is told that does not exist."""
    build = aws.build(_QUICK)
    *ended, completed = build["phases"]
    assert all(phase["endTime"] >= phase["startTime"] and phase["durationInSeconds"] >= 0 for phase in ended)
    assert all(phase["contexts"] == [{"statusCode": "", "message": ""}] for phase in ended)
    assert set(completed) == {"phaseType", "startTime"}
    assert build["artifacts"] == {"location": ""}
    assert (build["timeoutInMinutes"], build["queuedTimeoutInMinutes"], build["cache"]) == (
        60, 480, {"type": "NO_CACHE"},
    )  # fmt: skip
    assert build["encryptionKey"].startswith("arn:aws:kms:eu-central-1:123456789012:")
    assert not {"sourceVersion", "resolvedSourceVersion", "vpcConfig", "networkInterface"} & set(build)


def test_batch_builds_are_refused_by_name(aws: Any) -> None:
    """StartBuildBatch says that the emulator has no such operation, and starts nothing."""
    client = aws.client("codebuild")
    name = aws.project(_QUICK)
    with pytest.raises(ClientError) as caught:
        client.start_build_batch(projectName=name)
    assert "StartBuildBatch" in caught.value.response["Error"]["Message"]
    assert client.list_builds_for_project(projectName=name)["ids"] == []
