"""S3: objects that are stored once, never overwritten, and believed only by their digest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, error_code, patient
from orchestrator.effects.download import BROKEN, Wanted, download, explained
from orchestrator.errors import ConfigurationError, MachineryError, Refused
from orchestrator.patience import AWS, Bout, Patience
from orchestrator.records import Stored

_DIGEST = "orchestrator-sha256"
_CHUNK_BYTES = 1024 * 1024
_ABSENT = {"404", "NoSuchKey", "NoSuchVersion"}
_TAKEN = {"412", "PreconditionFailed"}
# For a body that breaks off, and for an object that is there and then is not.
_PACE = replace(AWS, first_seconds=0.5, longest_seconds=5.0, attempts=5)


class S3Store:
    """One bucket. Every call names the account that must own it, so a re-created bucket gets nothing."""

    def __init__(self, bucket: str, account: str, *, region: str, patience: Patience | None = None) -> None:
        self.bucket = bucket
        self._owner = {"Bucket": bucket, "ExpectedBucketOwner": account}
        self._account = account
        self._patience = patience or Patience()
        self._s3 = patient("s3", region, self._patience)

    def check_owner(self) -> None:
        """Raise unless the bucket exists and belongs to the account."""
        with aws_errors(f"cannot look at the bucket `{self.bucket}`"):
            try:
                self._s3.head_bucket(**self._owner)
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
        bout = Bout(_PACE, self._patience)
        while not self._put(key, source, sha256):
            stored = self._stored_digest(key)
            if stored == sha256:
                return False
            if stored is not None:
                raise Refused(
                    f"`s3://{self.bucket}/{key}` already holds something else",
                    detail=f"stored: sha256 {stored or 'unknown'}\nexpected: sha256 {sha256}",
                    hint="find out who wrote this object; nothing was overwritten",
                )
            if not bout.pause():
                raise MachineryError(
                    f"cannot store `s3://{self.bucket}/{key}`",
                    detail="observed: S3 says that somebody else has written it, and nothing is there",
                    hint="retry the job",
                )
        return True

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        """Return a small object; raise `Refused` when it is larger than the limit."""
        content: bytes = self._retried(key, lambda: _content(self._get(key), limit_bytes))
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
                self._s3.put_object(**self._owner, Key=key, Body=content, **condition)
            except ClientError as error:
                # 404: what was to be replaced is gone (S3 API: PutObject, `If-Match`).
                if error_code(error) in _ABSENT:
                    return False
                if error_code(error) not in _TAKEN:
                    raise
                # An attempt whose answer was lost may have stored it: then the next one meets its own work.
                found = self.read_tagged(key, limit_bytes=len(content))
                return found is not None and found.content == content
        return True

    def download(self, key: str, version_id: str | None, target: Path, *, size_bytes: int, sha256: str) -> None:
        """Bring an object to `target`, which appears only when size and digest are as given; see `download`."""
        version = {"VersionId": version_id} if version_id else {}
        wanted = Wanted({**self._owner, "Key": key, **version}, size_bytes, sha256)
        download(self._s3, wanted, target, self._patience)

    def _retried(self, key: str, bring: Callable[[], Any]) -> Any:
        """Return what `bring` returns; a connection that breaks on the way is nobody's fault and tried again."""
        bout = Bout(_PACE, self._patience)
        while True:
            try:
                return bring()
            except BROKEN as error:
                if not bout.pause():
                    raise MachineryError(
                        f"cannot download `s3://{self.bucket}/{key}`",
                        detail=f"the connection broke {_PACE.attempts} times, last: {type(error).__name__}",
                        hint="retry the job; nothing was written",
                    ) from error

    def _read_tagged_once(self, key: str, limit_bytes: int) -> Stored | None:
        with aws_errors(f"cannot read `s3://{self.bucket}/{key}`"):
            try:
                answer = self._s3.get_object(**self._owner, Key=key)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        content = _content(answer["Body"], limit_bytes)
        if len(content) > limit_bytes:
            raise self._too_large(key, limit_bytes)
        return Stored(content, str(answer["ETag"]))

    def _put(self, key: str, source: Path | bytes, sha256: str) -> bool:
        """Try to store an object; return False when S3 says that the key is taken."""
        with aws_errors(f"cannot store `s3://{self.bucket}/{key}`"):
            try:
                if isinstance(source, bytes):
                    self._put_body(key, source, sha256)
                else:
                    with source.open("rb") as stream:
                        self._put_body(key, stream, sha256)
            except ClientError as error:
                if error_code(error) in _TAKEN:
                    return False
                raise
        return True

    def _put_body(self, key: str, body: Any, sha256: str) -> None:
        self._s3.put_object(**self._owner, Key=key, Body=body, IfNoneMatch="*", Metadata={_DIGEST: sha256})

    def _get(self, key: str) -> Any:
        """Return the body of an object; what breaks while it is read is botocore's or urllib3's to raise."""
        with explained(f"s3://{self.bucket}/{key}"):
            return self._s3.get_object(**self._owner, Key=key)["Body"]

    def _stored_digest(self, key: str) -> str | None:
        """Return the digest noted beside an object, an empty string if none is, None if nothing is stored."""
        with aws_errors(f"cannot look at `s3://{self.bucket}/{key}`"):
            try:
                answer = self._s3.head_object(**self._owner, Key=key)
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


def caller_account(region: str, patience: Patience | None = None) -> str:
    """Return the account that the credentials belong to."""
    with aws_errors("cannot find out which AWS account this is"):
        return str(patient("sts", region, patience or Patience()).get_caller_identity()["Account"])


def _content(body: Any, limit_bytes: int) -> bytes:
    """Return what an object holds, and a little more than `limit_bytes` of one that holds more."""
    content = b""
    with closing(body):
        # Only reading to the end makes botocore compare what came with the length that was announced.
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            content += chunk
            if len(content) > limit_bytes:
                break
    return content
