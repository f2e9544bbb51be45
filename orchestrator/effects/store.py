"""S3: objects that are stored once, never overwritten, and believed only by their digest."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from orchestrator.effects.aws import aws_errors, client, error_code
from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused

_DIGEST = "orchestrator-sha256"
_CHUNK_BYTES = 1024 * 1024
_ATTEMPTS = 5
_ABSENT = {"404", "NoSuchKey", "NoSuchVersion"}


class S3Store:
    """One bucket. Every call names the account that must own it, so a re-created bucket gets nothing."""

    def __init__(self, bucket: str, account: str, *, region: str) -> None:
        self.bucket = bucket
        self._owner = {"Bucket": bucket, "ExpectedBucketOwner": account}
        self._account = account
        self._region = region

    def check_owner(self) -> None:
        """Raise unless the bucket exists and belongs to the account."""
        try:
            self._client().head_bucket(**self._owner)
        except ClientError as error:
            self._explain_bucket(error)
        except BotoCoreError:
            with aws_errors(f"cannot look at the bucket `{self.bucket}`"):
                raise

    def exists(self, key: str) -> bool:
        """Tell whether an object is stored under the key."""
        return self._stored_digest(key) is not None

    def put_new(self, key: str, source: Path | bytes, *, sha256: str) -> bool:
        """Store an object under a key that may hold nothing else (`If-None-Match: *`).

        Returns False when the same content, by `sha256` in hex, was stored before.
        Raises `Refused` when something else is stored there.
        """
        try:
            self._put(key, source, sha256)
        except ClientError as error:
            if error_code(error) not in {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}:
                with aws_errors(f"cannot store `s3://{self.bucket}/{key}`"):
                    raise
        else:
            return True
        stored = self._stored_digest(key)
        if stored != sha256:
            raise Refused(
                f"`s3://{self.bucket}/{key}` already holds something else",
                detail=f"stored: sha256 {stored or 'unknown'}\nexpected: sha256 {sha256}",
                hint="find out who wrote this object; nothing was overwritten",
            )
        return False

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        """Return a small object; raise `Refused` when it is larger than the limit."""
        with aws_errors(f"cannot read `s3://{self.bucket}/{key}`"):
            answer = self._get(key, None)
            content: bytes = answer["Body"].read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise Refused(
                f"`s3://{self.bucket}/{key}` is too large",
                detail=f"observed: more than {limit_bytes} bytes",
                hint="find out who wrote this object",
            )
        return content

    def download(self, key: str, version_id: str | None, target: Path, *, size_bytes: int, sha256: str) -> None:
        """Bring an object to `target`, which appears only when size and digest are as given.

        A broken connection starts over, up to five times; what was half written is removed.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._download_once(key, version_id, target, size_bytes, sha256)
            except (HTTPError, BotoCoreError, ConnectionError) as error:
                if attempt == _ATTEMPTS:
                    raise MachineryError(
                        f"cannot download `s3://{self.bucket}/{key}`",
                        detail=f"the connection broke {attempt} times, last: {type(error).__name__}",
                        hint="retry the job; nothing was written",
                    ) from error
        return None

    def _download_once(self, key: str, version_id: str | None, target: Path, size_bytes: int, sha256: str) -> None:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                observed = self._copy(key, version_id, stream.write, size_bytes)
            if observed != sha256:
                raise Refused(
                    f"`s3://{self.bucket}/{key}` is not what its manifest says",
                    detail=f"observed: sha256 {observed}\nexpected: sha256 {sha256}",
                    hint="do not use this package; find out who changed the object",
                )
            part.chmod(0o644)
            part.replace(target)
        except OSError as error:
            raise MachineryError(
                f"cannot write `{target}`",
                detail=f"{error.strerror}; {size_bytes} bytes are needed",
                hint="make room on the disk and retry",
            ) from error
        finally:
            part.unlink(missing_ok=True)

    def _copy(self, key: str, version_id: str | None, write: Callable[[bytes], Any], size_bytes: int) -> str:
        digest = hashlib.sha256()
        seen = 0
        with self._object_errors(key):
            body = self._get(key, version_id)["Body"]
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            seen += len(chunk)
            if seen > size_bytes:
                break
            digest.update(chunk)
            write(chunk)
        if seen != size_bytes:
            raise Refused(
                f"`s3://{self.bucket}/{key}` is not what its manifest says",
                detail=f"observed: {'more than ' if seen > size_bytes else ''}{min(seen, size_bytes)} bytes\n"
                f"expected: {size_bytes} bytes",
                hint="do not use this package; find out who changed the object",
            )
        return digest.hexdigest()

    def _object_errors(self, key: str) -> Any:
        return aws_errors(f"cannot read `s3://{self.bucket}/{key}`")

    def _put(self, key: str, source: Path | bytes, sha256: str) -> None:
        if isinstance(source, bytes):
            self._put_body(key, source, sha256)
        else:
            with source.open("rb") as stream:
                self._put_body(key, stream, sha256)

    def _put_body(self, key: str, body: Any, sha256: str) -> None:
        try:
            self._client().put_object(**self._owner, Key=key, Body=body, IfNoneMatch="*", Metadata={_DIGEST: sha256})
        except BotoCoreError:
            with aws_errors(f"cannot store `s3://{self.bucket}/{key}`"):
                raise

    def _get(self, key: str, version_id: str | None) -> Any:
        version = {"VersionId": version_id} if version_id else {}
        try:
            return self._client().get_object(**self._owner, Key=key, **version)
        except ClientError as error:
            if error_code(error) in _ABSENT:
                raise self._gone(key) from error
            raise

    def _stored_digest(self, key: str) -> str | None:
        """Return the digest noted beside an object, an empty string if none is, None if nothing is stored."""
        try:
            with aws_errors(f"cannot look at `s3://{self.bucket}/{key}`"):
                answer = self._client().head_object(**self._owner, Key=key)
        except OrchestratorError as error:
            if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in _ABSENT:
                return None
            raise
        return str(answer.get("Metadata", {}).get(_DIGEST, ""))

    def _gone(self, key: str) -> OrchestratorError:
        return ConfigurationError(
            f"`s3://{self.bucket}/{key}` does not exist (any more)",
            detail="expected: an object that a build stored; the bucket's lifecycle may have expired it",
            hint="build the commit again",
        )

    def _explain_bucket(self, error: ClientError) -> None:
        if error_code(error) in {"403", "AccessDenied"}:
            raise Refused(
                f"the bucket `{self.bucket}` cannot be trusted",
                detail=f"observed: S3 denies access to it as a bucket of account {self._account}\n"
                "expected: a bucket that this account owns, and the permission s3:ListBucket on it",
                hint="correct `artifacts.bucket`, or leave it out and let Terraform make one",
            ) from error
        if error_code(error) in {"404", "NoSuchBucket"}:
            raise ConfigurationError(
                f"the bucket `{self.bucket}` does not exist",
                detail="expected: a bucket of this account, or `managed: true`",
                hint="run `orchestrator prebuild`, or correct `artifacts.bucket`",
            ) from error
        with aws_errors(f"cannot look at the bucket `{self.bucket}`"):
            raise error

    def _client(self) -> Any:
        return client("s3", self._region)


def caller_account(region: str) -> str:
    """Return the account that the credentials belong to."""
    with aws_errors("cannot find out which AWS account this is"):
        return str(client("sts", region).get_caller_identity()["Account"])
