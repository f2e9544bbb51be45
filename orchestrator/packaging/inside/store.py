"""Storing an object once: nothing that exists is ever overwritten."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.errors import MachineryError, Refused
from orchestrator.packaging.inside.aws import client, error_code, wrapped
from orchestrator.packaging.inside.context import Build

_EXISTS = {"PreconditionFailed", "412"}
_CONFLICT = {"ConditionalRequestConflict", "409"}
_ATTEMPTS = 5


def put_new(
    build: Build, key: str, file: Path, sha256: bytes, *, content_type: str, sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """Upload with a checksum, unless the key is taken; return the version id, or None without versions.

    An object that is already there and has the same sha256 is as good as ours. Raises Refused for a different
    one, ConfigurationError and MachineryError as S3 says.
    """
    s3 = client("s3")
    where = f"s3://{build.bucket}/{key}"
    for attempt in range(1, _ATTEMPTS + 1):
        with wrapped(f"cannot store `{where}`"):
            try:
                return _put(s3, build, key, file, sha256, content_type)
            except s3.exceptions.ClientError as error:
                if error_code(error) in _EXISTS:
                    return _compare(s3, build, key, sha256)
                if error_code(error) not in _CONFLICT:
                    raise
        sleep(float(attempt))
    raise MachineryError(
        f"cannot store `{where}`",
        detail=f"observed: conflicting writes in {_ATTEMPTS} attempts",
        hint="start the build again",
    )


def _put(s3: Any, build: Build, key: str, file: Path, sha256: bytes, content_type: str) -> str | None:
    with file.open("rb") as body:
        answer = s3.put_object(
            Bucket=build.bucket,
            Key=key,
            Body=body,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=base64.b64encode(sha256).decode(),
            ContentType=content_type,
            ExpectedBucketOwner=build.account,
            IfNoneMatch="*",
        )
    return _version(answer)


def _compare(s3: Any, build: Build, key: str, sha256: bytes) -> str | None:
    answer = s3.head_object(Bucket=build.bucket, Key=key, ChecksumMode="ENABLED", ExpectedBucketOwner=build.account)
    observed = answer.get("ChecksumSHA256", "no checksum")
    if observed != base64.b64encode(sha256).decode():
        raise Refused(
            f"`s3://{build.bucket}/{key}` already exists with other content",
            detail=f"observed: sha256 {observed}\nexpected: sha256 {base64.b64encode(sha256).decode()} (base64)",
            hint="find out who stored it; this build has replaced nothing",
        )
    return _version(answer)


def _version(answer: Any) -> str | None:
    """Return the version id; S3 says `null` for objects of a bucket without versions."""
    version = answer.get("VersionId")
    return None if version in (None, "null") else str(version)
