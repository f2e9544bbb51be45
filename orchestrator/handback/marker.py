"""The marker of a build in the artifact store: by it, a build that is told twice starts one pipeline.

One small JSON object per build, `<prefix>/handback/<project>/<uuid>.json`, about the ref that the build was started
for; another ref that takes the package again has a record of its own, which the function never touches. Every write is
conditional (`If-None-Match` or `If-Match`), so of two writers at once exactly one wins. Its `state`:

========== =======================================================================================================
claimed    a run of the function is calling GitLab, and is dead if it has not finished by `until`
released   that run failed and said so; the next one may call
triggered  GitLab has accepted a pipeline, `pipeline_id`
home       postbuild in `pipeline_id` has taken the build; only `build`, which reuses its package, opens it again
superseded the branch or tag is gone, so no pipeline can be started; `build` opens it again, as above
========== =======================================================================================================
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.errors import MachineryError
from orchestrator.handback.aws import client, error_code, wrapped
from orchestrator.handback.event import BuildId
from orchestrator.handback.record import LIMIT_BYTES, parse_record, record_bytes, record_key
from orchestrator.handback.settings import Settings

_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
_SETTLED = {"triggered", "home", "superseded"}
# 404: the object that was to be replaced is gone (S3 API: PutObject, `If-Match`).
_LOST = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict", "404", "NoSuchKey"}


@dataclass(frozen=True)
class Marker:
    """What is stored about a build, and the ETag by which it can be replaced."""

    state: str
    until: float
    pipeline_id: str
    etag: str


@dataclass(frozen=True)
class Claim:
    """The right to call GitLab about a build. `again` says that an earlier run may have called already."""

    build: BuildId
    etag: str
    again: bool


class Markers:
    """The markers of one artifact store."""

    def __init__(
        self, settings: Settings, *, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.time
    ) -> None:
        self._settings, self._sleep, self._now = settings, sleep, now

    def claim(self, build: BuildId, *, lease_seconds: float) -> Claim | Marker:
        """Return a claim, or the marker of a build that needs none any more.

        Somebody else's claim is waited for, some seconds; MachineryError if it stays, because its holder may be dead.
        """
        for pause_seconds in (*_PAUSES_SECONDS, None):
            found = self._try(build, lease_seconds)
            if found is not None:
                return found
            if pause_seconds is not None:
                self._sleep(pause_seconds)
        raise MachineryError(
            f"the build `{build}` is being brought home by another run",
            detail="observed: a claim that has not run out",
            hint="it is tried again when the other run must have ended",
        )

    def settle(self, claim: Claim, pipeline_id: str) -> None:
        """Note the pipeline; what postbuild has written in the meantime stays."""
        self._put(claim.build, {"state": "triggered", "pipeline_id": pipeline_id}, {"IfMatch": claim.etag})

    def close(self, claim: Claim) -> None:
        """Note that no pipeline will ever be started, because the ref is gone."""
        self._put(claim.build, {"state": "superseded"}, {"IfMatch": claim.etag})

    def release(self, claim: Claim) -> None:
        """Give the claim back, so that the next run need not wait."""
        self._put(claim.build, {"state": "released"}, {"IfMatch": claim.etag})

    def _try(self, build: BuildId, lease_seconds: float) -> Claim | Marker | None:
        wanted = {"state": "claimed", "until": self._now() + lease_seconds}
        etag = self._put(build, wanted, {"IfNoneMatch": "*"})
        if etag:
            return Claim(build, etag, again=False)
        found = self._get(build)
        if found is None or (found.state == "claimed" and found.until > self._now()):
            return None
        if found.state in _SETTLED:
            return found
        etag = self._put(build, wanted, {"IfMatch": found.etag})
        return Claim(build, etag, again=True) if etag else None

    def _put(self, build: BuildId, fields: Mapping[str, object], condition: Mapping[str, str]) -> str | None:
        """Write the marker and return its ETag, or None if the condition does not hold."""
        body = record_bytes(str(build), **fields)
        with wrapped(f"cannot write the marker of the build `{build}`"):
            try:
                answer = self._client().put_object(
                    **self._object(build), Body=body, ContentType="application/json", **condition
                )
            except ClientError as error:
                if error_code(error) in _LOST:
                    return None
                raise
        return str(answer["ETag"])

    def _get(self, build: BuildId) -> Marker | None:
        """Read the marker; None if it is gone since it was seen."""
        with wrapped(f"cannot read the marker of the build `{build}`"):
            try:
                answer = self._client().get_object(**self._object(build))
                content = answer["Body"].read(LIMIT_BYTES)
            except ClientError as error:
                if error_code(error) in {"404", "NoSuchKey"}:
                    return None
                raise
        record = parse_record(content, str(build))
        return Marker(record.state, record.until, record.pipeline_id, str(answer["ETag"]))

    def _object(self, build: BuildId) -> dict[str, str]:
        settings = self._settings
        key = record_key(settings.prefix, build.project, build.uuid)
        return {"Bucket": settings.bucket, "Key": key, "ExpectedBucketOwner": settings.account}

    def _client(self) -> Any:
        return client("s3", self._settings.region)
