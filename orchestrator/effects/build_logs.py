"""The logs of builds, piece by piece: CloudWatch Logs, and what CodeBuild keeps of them in S3."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from orchestrator.aws_calls import PatientClient, Undecodable
from orchestrator.effects.aws import CONFIG, aws_errors, error_code, patient
from orchestrator.errors import ConfigurationError, Denied, Gone, Refused
from orchestrator.patience import Patience
from orchestrator.records import BuildRecord, LogLine, LogPage

# FilterLogEvents takes 1 to 100 names of streams (CloudWatch Logs API).
_STREAMS = 100
_ABSENT = {"ResourceNotFoundException"}
_NO_OBJECT = {"404", "NoSuchKey", "NoSuchBucket"}
_DENIED = {"AccessDenied", "AccessDeniedException", "403"}
_GZIP = b"\x1f\x8b"
_PIECE_BYTES = 256 * 1024
_MOST_STORED_BYTES = 1024**3
# Where an account may call GetLogEvents ten times in a second; elsewhere it is 25, or more (CloudWatch Logs quotas).
_SLOW_REGIONS = {
    "ap-northeast-3",
    "ap-southeast-3",
    "ca-west-1",
    "eu-central-1",
    "eu-west-1",
    "il-central-1",
    "us-west-2",
}
# A watcher has its own patience, and wants to know of every throttle; and it must not be held up when it is to end.
UNHURRIED = Patience(remaining_seconds=lambda: 0.0)
QUICK = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=5, read_timeout=15))


def log_calls_per_second(region: str) -> float:
    """Return how many calls of GetLogEvents one watcher may make in a region: others watch there as well."""
    return 8.0 if region in _SLOW_REGIONS else 16.0


class CloudWatchPages:
    """Logs in CloudWatch Logs and S3; each is asked for in the region of its build."""

    def __init__(self, region: str, patience: Patience = UNHURRIED, config: Config | None = QUICK) -> None:
        self._region, self._patience, self._config = region, patience, config
        self._clients: dict[str, PatientClient] = {}

    def page(self, build: BuildRecord, *, since: int, token: str) -> LogPage | None:
        """Return a piece of one log (1 MB or 10,000 lines at most), None if there is no such log."""
        if not build.log_group or not build.log_stream:
            return None
        asked: dict[str, Any] = {"nextToken": token} if token else {}
        with aws_errors(f"cannot read the log of `{build.id}`"):
            try:
                answer = self._logs(build).get_log_events(
                    logGroupName=build.log_group,
                    logStreamName=build.log_stream,
                    startTime=since,
                    startFromHead=True,
                    **asked,
                )
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        return LogPage([_line(event) for event in answer["events"]], str(answer.get("nextForwardToken", "")))

    def several(
        self, group: str, builds: Sequence[BuildRecord], *, since: int, token: str
    ) -> tuple[Mapping[str, Sequence[LogLine]], str]:
        """Return a piece of several logs of a group, and the token of the next piece.

        Raises `Denied` without permission, `Gone` when one of the logs, or the group, does not exist.
        """
        by_stream = {build.log_stream: build.id for build in builds[:_STREAMS] if build.log_stream}
        asked: dict[str, Any] = {"nextToken": token} if token else {}
        what = f"cannot read the logs of {len(by_stream)} builds together"
        with aws_errors(what):
            try:
                answer = self._logs(builds[0]).filter_log_events(
                    logGroupName=group, logStreamNames=list(by_stream), startTime=since, **asked
                )
            except ClientError as error:
                if error_code(error) in _DENIED:
                    raise Denied(what, detail="expected: the permission logs:FilterLogEvents") from error
                if error_code(error) in _ABSENT:
                    raise Gone(what, detail=f"observed: the group `{group}` or one of its streams is gone") from error
                raise
            if "events" not in answer:  # boto3 takes a page of HTML with status 200 for an empty answer
                raise Undecodable(operation="filter_log_events", member="events")
        found: dict[str, list[LogLine]] = {}
        for event in answer["events"]:
            build_id = by_stream.get(event.get("logStreamName"))
            if build_id is not None:
                found.setdefault(build_id, []).append(_line(event))
        return found, str(answer.get("nextToken") or "")

    def stored(self, build: BuildRecord) -> Iterator[bytes]:
        """Return the log that CodeBuild keeps in S3, in pieces, uncompressed; it must belong to the build's account."""
        bucket, _, key = build.stored_log.partition("/")
        address = f"s3://{build.stored_log}"
        what = f"cannot read the log `{address}`"
        with aws_errors(what):
            try:
                answer = patient("s3", build.region, self._patience, config=self._config).get_object(
                    Bucket=bucket, Key=key, ExpectedBucketOwner=build.account
                )
            except ClientError as error:
                if error_code(error) in _NO_OBJECT:
                    raise Gone(what, detail="observed: it is not there") from error
                if error_code(error) in _DENIED:
                    raise Denied(
                        what, detail=f"expected: s3:GetObject, in a bucket of account {build.account}"
                    ) from error
                raise
        with closing(answer["Body"]) as body:
            yield from _bounded(_pieces(body, what), what)

    def _logs(self, build: BuildRecord) -> PatientClient:
        region = build.region or self._region
        if region not in self._clients:
            self._clients[region] = patient("logs", region, self._patience, config=self._config)
        return self._clients[region]


def _line(event: Mapping[str, Any]) -> LogLine:
    return LogLine(int(event.get("timestamp", 0)), str(event.get("message", "")))


def _pieces(body: Any, what: str) -> Iterator[bytes]:
    """Return what is stored, uncompressed: CodeBuild compresses it, unless somebody has stored it otherwise."""
    chunks = _chunks(body, what)
    first = next(chunks, b"")
    if not first.startswith(_GZIP):
        yield first
        yield from chunks
        return
    unpacked = zlib.decompressobj(wbits=31)
    rest = first
    try:
        while rest:
            yield unpacked.decompress(rest, _PIECE_BYTES)
            rest = unpacked.unconsumed_tail
            if unpacked.eof and (rest := unpacked.unused_data or next(chunks, b"")):
                # A log may be several gzip members, one after the other.
                unpacked = zlib.decompressobj(wbits=31)
            rest = rest or next(chunks, b"")
    except zlib.error as error:
        raise ConfigurationError(what, detail="observed: it is not what gzip makes") from error
    if not unpacked.eof:
        raise ConfigurationError(what, detail="observed: it breaks off")


def _chunks(body: Any, what: str) -> Iterator[bytes]:
    chunks = body.iter_chunks(_PIECE_BYTES)
    while True:
        with aws_errors(what):
            chunk = next(chunks, b"")
        if not chunk:
            return
        yield chunk


def _bounded(pieces: Iterator[bytes], what: str) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > _MOST_STORED_BYTES:
            raise Refused(what, detail=f"observed: more than {_MOST_STORED_BYTES} bytes")
        yield piece
