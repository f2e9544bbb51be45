"""S3: objects that are stored once, never overwritten, and believed only by their digest."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from orchestrator.effects.aws import aws_errors, client, error_code, member
from orchestrator.effects.files import unwritable
from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused
from orchestrator.records import Stored

_DIGEST = "orchestrator-sha256"
_CHUNK_BYTES = 1024 * 1024
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)
_ABSENT = {"404", "NoSuchKey", "NoSuchVersion"}
_TAKEN = {"412", "PreconditionFailed"}
# Somebody else writes the same key right now (S3 API: PutObject, `If-None-Match`).
_CONTESTED = {"409", "ConditionalRequestConflict"}


class S3Store:
    """One bucket. Every call names the account that must own it, so a re-created bucket gets nothing."""

    def __init__(self, bucket: str, account: str, *, region: str, pause: Callable[[float], None] = time.sleep) -> None:
        self.bucket = bucket
        self._owner = {"Bucket": bucket, "ExpectedBucketOwner": account}
        self._account = account
        self._region = region
        self._pause = pause

    def check_owner(self) -> None:
        """Raise unless the bucket exists and belongs to the account."""
        with aws_errors(f"cannot look at the bucket `{self.bucket}`"):
            try:
                self._client().head_bucket(**self._owner)
            except ClientError as error:
                self._explain_bucket(error)
                raise

    def exists(self, key: str) -> bool:
        """Tell whether an object is stored under the key."""
        return self._stored_digest(key) is not None

    def put_new(self, key: str, source: Path | bytes, *, sha256: str) -> bool:
        """Store an object under a key that may hold nothing else (`If-None-Match: *`).

        Returns False when the same content, by `sha256` in hex, was stored before. Raises `Refused` when something
        else is stored there, `MachineryError` when others keep writing it.
        """
        for pause_seconds in (*_PAUSES_SECONDS, None):
            if self._put(key, source, sha256):
                return True
            stored = self._stored_digest(key)
            if stored == sha256:
                return False
            if stored is not None:
                raise Refused(
                    f"`s3://{self.bucket}/{key}` already holds something else",
                    detail=f"stored: sha256 {stored or 'unknown'}\nexpected: sha256 {sha256}",
                    hint="find out who wrote this object; nothing was overwritten",
                )
            if pause_seconds is not None:
                self._pause(pause_seconds)
        raise MachineryError(
            f"cannot store `s3://{self.bucket}/{key}`",
            detail="observed: S3 says that somebody else is writing it, and nothing is there",
            hint="retry the job",
        )

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        """Return a small object; raise `Refused` when it is larger than the limit."""
        content: bytes = self._retried(key, lambda: self._read_once(key, limit_bytes))
        if len(content) > limit_bytes:
            raise self._too_large(key, limit_bytes)
        return content

    def read_tagged(self, key: str, *, limit_bytes: int) -> Stored | None:
        """Return a small object that may change, None if nothing is stored; refuse one over the limit."""
        return self._retried(key, lambda: self._read_tagged_once(key, limit_bytes))  # type: ignore[no-any-return]

    def replace(self, key: str, content: bytes, *, tag: str | None) -> bool:
        """Store an object in place of the version with the tag, or of nothing; False if another one is there."""
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with aws_errors(f"cannot store `s3://{self.bucket}/{key}`"):
            try:
                self._client().put_object(**self._owner, Key=key, Body=content, **condition)
            except ClientError as error:
                # 404: what was to be replaced is gone (S3 API: PutObject, `If-Match`).
                if error_code(error) in _TAKEN | _CONTESTED | _ABSENT:
                    return False
                raise
        return True

    def download(self, key: str, version_id: str | None, target: Path, *, size_bytes: int, sha256: str) -> None:
        """Bring an object to `target`, which appears only when size and digest are as given.

        A broken connection starts over, up to five times; what was half written is removed.
        """
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(target, error) from error
        self._retried(key, lambda: self._download_once(key, version_id, target, size_bytes, sha256))

    def _retried(self, key: str, bring: Callable[[], Any]) -> Any:
        """Return what `bring` returns; a connection that breaks on the way is nobody's fault and tried again."""
        for pause_seconds in (*_PAUSES_SECONDS, None):
            try:
                return bring()
            except (HTTPError, BotoCoreError, ConnectionError) as error:
                if pause_seconds is None:
                    raise MachineryError(
                        f"cannot download `s3://{self.bucket}/{key}`",
                        detail=f"the connection broke {len(_PAUSES_SECONDS) + 1} times, last: {type(error).__name__}",
                        hint="retry the job; nothing was written",
                    ) from error
                self._pause(pause_seconds)
        raise AssertionError("the last attempt returns or raises")

    def _read_once(self, key: str, limit_bytes: int) -> bytes:
        content = b""
        with closing(self._get(key, None)) as body:
            # Only reading to the end makes botocore compare what came with the length that was announced.
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                content += chunk
                if len(content) > limit_bytes:
                    break
        return content

    def _read_tagged_once(self, key: str, limit_bytes: int) -> Stored | None:
        with aws_errors(f"cannot read `s3://{self.bucket}/{key}`"):
            try:
                answer = self._client().get_object(**self._owner, Key=key)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        with closing(answer["Body"]) as body:
            content = body.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise self._too_large(key, limit_bytes)
        return Stored(content, str(answer["ETag"]))

    def _download_once(self, key: str, version_id: str | None, target: Path, size_bytes: int, sha256: str) -> None:
        with closing(self._get(key, version_id)) as body:
            try:
                handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
                part = Path(name)
                try:
                    with os.fdopen(handle, "wb") as stream:
                        self._copy(key, body, stream.write, size_bytes, sha256)
                    part.chmod(0o644)
                    part.replace(target)
                finally:
                    part.unlink(missing_ok=True)
            except ConnectionError:
                raise
            except OSError as error:
                raise _no_room(target, error, size_bytes) from error

    def _copy(self, key: str, body: Any, write: Callable[[bytes], Any], size_bytes: int, sha256: str) -> None:
        """Hand over the body as it comes; raise `Refused` unless size and digest are as given."""
        digest = hashlib.sha256()
        seen = 0
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            seen += len(chunk)
            if seen > size_bytes:
                break
            digest.update(chunk)
            write(chunk)
        if seen != size_bytes:
            observed = f"{'more than ' if seen > size_bytes else ''}{min(seen, size_bytes)} bytes"
            raise self._another(key, observed, f"{size_bytes} bytes")
        if digest.hexdigest() != sha256:
            raise self._another(key, f"sha256 {digest.hexdigest()}", f"sha256 {sha256}")

    def _put(self, key: str, source: Path | bytes, sha256: str) -> bool:
        """Try to store an object; return False when S3 says that the key is taken, or is being taken."""
        with aws_errors(f"cannot store `s3://{self.bucket}/{key}`"):
            try:
                if isinstance(source, bytes):
                    self._put_body(key, source, sha256)
                else:
                    with source.open("rb") as stream:
                        self._put_body(key, stream, sha256)
            except ClientError as error:
                if error_code(error) in _TAKEN | _CONTESTED:
                    return False
                raise
        return True

    def _put_body(self, key: str, body: Any, sha256: str) -> None:
        self._client().put_object(**self._owner, Key=key, Body=body, IfNoneMatch="*", Metadata={_DIGEST: sha256})

    def _get(self, key: str, version_id: str | None) -> Any:
        """Return the body of an object; what breaks while it is read is botocore's or urllib3's to raise."""
        version = {"VersionId": version_id} if version_id else {}
        with aws_errors(f"cannot read `s3://{self.bucket}/{key}`"):
            try:
                return self._client().get_object(**self._owner, Key=key, **version)["Body"]
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    raise self._gone(key) from error
                raise

    def _stored_digest(self, key: str) -> str | None:
        """Return the digest noted beside an object, an empty string if none is, None if nothing is stored."""
        with aws_errors(f"cannot look at `s3://{self.bucket}/{key}`"):
            try:
                answer = self._client().head_object(**self._owner, Key=key)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        return str(answer.get("Metadata", {}).get(_DIGEST, ""))

    def _too_large(self, key: str, limit_bytes: int) -> Refused:
        return Refused(
            f"`s3://{self.bucket}/{key}` is too large",
            detail=f"observed: more than {limit_bytes} bytes",
            hint="find out who wrote this object",
        )

    def _another(self, key: str, observed: str, expected: str) -> Refused:
        return Refused(
            f"`s3://{self.bucket}/{key}` is not what its manifest says",
            detail=f"observed: {observed}\nexpected: {expected}",
            hint="do not use this package; find out who changed the object",
        )

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

    def _client(self) -> Any:
        return client("s3", self._region)


def caller_account(region: str) -> str:
    """Return the account that the credentials belong to."""
    what = "cannot find out which AWS account this is"
    with aws_errors(what):
        return str(member(client("sts", region).get_caller_identity(), "Account", what))


def _no_room(target: Path, error: OSError, size_bytes: int) -> OrchestratorError:
    failure = unwritable(target, error)
    failure.detail += f"; {size_bytes} bytes are needed"
    return failure
