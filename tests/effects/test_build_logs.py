"""Logs piece by piece, from the emulator's CloudWatch Logs and S3."""

from __future__ import annotations

import gzip
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.effects import aws
from orchestrator.effects.build_logs import CloudWatchPages, log_calls_per_second
from orchestrator.emulator import control, faults
from orchestrator.errors import ConfigurationError, Denied, Gone, MachineryError, OrchestratorError
from orchestrator.records import BuildRecord, LogLine

REGION = "eu-central-1"
NOW = int(time.time() * 1000) - 60_000


@pytest.fixture
def pages(world: object) -> CloudWatchPages:
    """Return what is tested."""
    return CloudWatchPages(REGION)


@pytest.fixture
def group(world: object) -> Iterator[str]:
    """Return a log group."""
    name = f"/aws/codebuild/{uuid.uuid4().hex}"
    client = aws.client("logs", REGION)
    client.create_log_group(logGroupName=name)
    yield name
    client.delete_log_group(logGroupName=name)


def build(group: str | None, *, stored_log: str = "", account: str = "123456789012") -> BuildRecord:
    """Return a build that logs to a group."""
    stream = str(uuid.uuid4())
    return BuildRecord(
        id=f"p:{stream}",
        arn=f"arn:aws:codebuild:{REGION}:{account}:build/p:{stream}",
        project="p",
        status="IN_PROGRESS",
        complete=False,
        phases=(),
        variables={},
        exported={},
        log_group=group,
        log_stream=stream if group else None,
        stored_log=stored_log,
    )


def writes(record: BuildRecord, *lines: tuple[int, str]) -> BuildRecord:
    """Have a build write lines."""
    client = aws.client("logs", REGION)
    place = {"logGroupName": record.log_group, "logStreamName": record.log_stream}
    client.create_log_stream(**place)
    for begin in range(0, len(lines), 200):
        events = [{"timestamp": NOW + at, "message": text} for at, text in lines[begin : begin + 200]]
        client.put_log_events(**place, logEvents=events)
    return record


def all_of(pages: CloudWatchPages, record: BuildRecord, since: int = 0) -> tuple[list[LogLine], int]:
    """Return a log, read to its end, and the number of its pieces."""
    lines: list[LogLine] = []
    token, pieces = "", 0
    while True:
        page = pages.page(record, since=since, token=token)
        assert page is not None
        lines += page.lines
        if page.token == token:
            return lines, pieces
        token, pieces = page.token, pieces + 1


def test_a_log_is_read_from_a_moment_to_its_end(pages: CloudWatchPages, group: str) -> None:
    """Lines come oldest first, those of the first moment too; the same token again is the end."""
    record = writes(build(group), (0, "a\n"), (5, "b\n"), (5, "c\n"), (9, "\x1b[31md\x00\n"))
    assert [line.text for line in all_of(pages, record)[0]] == ["a\n", "b\n", "c\n", "\x1b[31md\x00\n"]
    assert [line.text for line in all_of(pages, record, NOW + 5)[0]] == ["b\n", "c\n", "\x1b[31md\x00\n"]


def test_large_logs_come_in_pieces(pages: CloudWatchPages, group: str) -> None:
    """What is longer than one answer is read by tokens, alone and together with others; nothing is left out."""
    one = writes(build(group), *((at, "x" * 20_000) for at in range(120)))
    other = writes(build(group), *((at, f"{at}") for at in range(120)))
    lines, pieces = all_of(pages, one)
    assert len(lines) == 120
    assert pieces >= 3
    found: dict[str, list[str]] = {one.id: [], other.id: []}
    token = None
    while token != "":
        answer, token = pages.several(group, [one, other], since=0, token=token or "")
        for build_id, more in answer.items():
            found[build_id] += [line.text for line in more]
    assert found[one.id] == [line.text for line in lines]
    assert found[other.id] == [f"{at}" for at in range(120)]


@pytest.mark.parametrize("record", [build(None), build("/no/such/group")], ids=["no group yet", "no such group"])
def test_a_log_that_is_not_there_is_none(pages: CloudWatchPages, record: BuildRecord) -> None:
    """Not yet, no longer and never look alike: there is no log."""
    assert pages.page(record, since=0, token="") is None


def test_one_missing_log_spoils_the_reading_of_several(pages: CloudWatchPages, group: str) -> None:
    """CloudWatch Logs refuses the whole request, and it is told as what is gone."""
    record = writes(build(group), (0, "a"))
    with pytest.raises(Gone):
        pages.several(group, [record, build(group)], since=0, token="")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"kind": "error", "code": "AccessDeniedException", "message": "no", "status": 400}, Denied),
        ({"kind": "error", "code": "ExpiredTokenException", "message": "old", "status": 400}, MachineryError),
        ("throttle", MachineryError),
        ("html", MachineryError),
    ],
    ids=["denied", "expired", "throttled", "html"],
)
def test_what_goes_wrong_is_said_at_once(
    world: control.Running, pages: CloudWatchPages, group: str, answer: Any, error: type[OrchestratorError]
) -> None:
    """The watcher decides how long to wait, so nobody waits here."""
    record = writes(build(group), (0, "a"))
    rule = {"service": "logs", "operation": "FilterLogEvents", "answers": [answer], "times": None}
    with faults.injected(world, {"rules": [rule]}), pytest.raises(error):
        pages.several(group, [record], since=0, token="")


PLAIN = "one\ntwo ü\n".encode() + b"\xff\x00\n" * 5


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (gzip.compress(PLAIN), PLAIN),
        (gzip.compress(PLAIN) + gzip.compress(b"more\n"), PLAIN + b"more\n"),
        (PLAIN, PLAIN),
        (b"", b""),
        (gzip.compress(bytes(3_000_000)), bytes(3_000_000)),
    ],
    ids=["gzip", "two members", "plain", "empty", "long"],
)
def test_a_stored_log_is_uncompressed_in_pieces(
    pages: CloudWatchPages, bucket: str, content: bytes, read: bytes
) -> None:
    """However it was stored, what the build wrote comes back, never much of it at once."""
    aws.client("s3", REGION).put_object(Bucket=bucket, Key="logs/1.gz", Body=content)
    pieces = list(pages.stored(build(None, stored_log=f"{bucket}/logs/1.gz")))
    assert b"".join(pieces) == read
    assert max(map(len, pieces), default=0) <= 256 * 1024


@pytest.mark.parametrize(
    ("key", "account", "error"),
    [
        ("logs/none.gz", "123456789012", Gone),
        ("logs/broken.gz", "123456789012", ConfigurationError),
        ("logs/1.gz", "210987654321", Denied),
    ],
    ids=["gone", "broken", "of another account"],
)
def test_a_stored_log_that_cannot_be_used(
    pages: CloudWatchPages, bucket: str, key: str, account: str, error: type[OrchestratorError]
) -> None:
    """It is said why; a bucket of another account is not read, whoever made it."""
    for name, content in (("logs/1.gz", b"x"), ("logs/broken.gz", gzip.compress(PLAIN)[:10] + b"broken" * 9)):
        aws.client("s3", REGION).put_object(Bucket=bucket, Key=name, Body=content)
    with pytest.raises(error):
        list(pages.stored(build(None, stored_log=f"{bucket}/{key}", account=account)))


def test_a_bucket_that_is_gone_is_gone(pages: CloudWatchPages) -> None:
    """So is the log in it."""
    with pytest.raises(Gone):
        list(pages.stored(replace(build(None), stored_log="no-such-bucket-anywhere/logs/1.gz")))


def test_a_slow_region_gets_fewer_calls() -> None:
    """A watcher stays below what the account may call in its region."""
    assert log_calls_per_second("eu-central-1") < 10
    assert log_calls_per_second("us-east-1") < 25
