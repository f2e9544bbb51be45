"""One object of S3 brought into a file: digest while it comes, go on where it was cut, final name last."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError
from urllib3.exceptions import HTTPError

from orchestrator.effects.aws import aws_errors, error_code
from orchestrator.effects.files import unwritable
from orchestrator.errors import ConfigurationError, Gone, MachineryError, OrchestratorError, Refused
from orchestrator.patience import Bout, Pace, Patience

# No deadline: what has come so far is kept, however long it took.
PACE = Pace(first_seconds=0.5, longest_seconds=5.0, attempts=5)
# What a connection that breaks on the way looks like: nobody's fault, and tried again.
BROKEN = (HTTPError, BotoCoreError, ConnectionError)

_CHUNK_BYTES = 1024 * 1024
_ABSENT = {"404", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "405"}
_DENIED = {"403", "AccessDenied"}
_REPLACED = {"412", "PreconditionFailed"}
_BEGINS_AT = re.compile(r"bytes ([0-9]{1,18})-")


@dataclass(frozen=True)
class Wanted:
    """An object: the arguments that name it (`Bucket`, `Key`, `ExpectedBucketOwner`, `VersionId`), and what it is."""

    named: Mapping[str, str]
    size_bytes: int
    sha256: str

    @property
    def place(self) -> str:
        """Its address, for messages."""
        return f"s3://{self.named['Bucket']}/{self.named['Key']}"


def download(s3: Any, wanted: Wanted, target: Path, patience: Patience) -> None:
    """Bring an object to `target`, which appears only when size and digest are as given.

    A connection that breaks is taken up again where it broke (`Range` of the same object, by `If-Match` and version),
    five tries in all. Nothing partial is left. Raises `Refused` for another content, also for one that was replaced
    on the way; `Gone` and `ConfigurationError` as `explained` says; `MachineryError` for the network and a full disk.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                _fill(stream, s3, wanted, patience)
            part.chmod(0o644)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _no_room(target, error, wanted.size_bytes) from error


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Tell an object that is gone (`Gone`) from one that may not be read (`ConfigurationError`); both end with 2."""
    with aws_errors(f"cannot read `{place}`"):
        try:
            yield
        except ClientError as error:
            if error_code(error) in _ABSENT:
                raise Gone(
                    f"`{place}` does not exist (any more)",
                    detail="expected: an object that a build stored; the bucket's lifecycle may have expired it",
                    hint="build the commit again",
                ) from error
            if error_code(error) in _DENIED:
                raise ConfigurationError(
                    f"cannot read `{place}`",
                    detail=f"AWS answered `{error_code(error)}`: S3 also says so of an object that has expired, "
                    "if the role may not list the bucket",
                    hint="allow the calling role `GetObject` on this resource, and `s3:ListBucket` on the bucket",
                ) from error
            raise


@dataclass
class _Copy:
    """How far a copy has come. `tag` is the ETag of what is being copied, empty before the first answer."""

    stream: BinaryIO
    wanted: Wanted
    seen: int = 0
    tag: str = ""
    digest: Any = field(default_factory=hashlib.sha256)

    def go_on(self, s3: Any) -> None:
        """Copy what is missing; raises one of `BROKEN` when the connection breaks."""
        answer = self._ask(s3)
        with closing(answer["Body"]) as body:
            self.tag = str(answer.get("ETag", ""))
            if _begin_of(answer) != self.seen:  # a proxy that knows no ranges sends all of it
                self.restart()
            # Only reading to the end makes botocore compare what came with the length that was announced.
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                self.seen += len(chunk)
                if self.seen > self.wanted.size_bytes:
                    break
                self.digest.update(chunk)
                self.stream.write(chunk)

    def restart(self) -> None:
        """Forget what has come."""
        self.stream.seek(0)
        self.stream.truncate()
        self.seen, self.digest = 0, hashlib.sha256()

    def check(self) -> None:
        """Raise `Refused` unless size and digest are as given."""
        size = self.wanted.size_bytes
        if self.seen != size:
            observed = f"{'more than ' if self.seen > size else ''}{min(self.seen, size)} bytes"
            raise _another(self.wanted.place, observed, f"{size} bytes")
        if self.digest.hexdigest() != self.wanted.sha256:
            raise _another(self.wanted.place, f"sha256 {self.digest.hexdigest()}", f"sha256 {self.wanted.sha256}")

    def _ask(self, s3: Any) -> Mapping[str, Any]:
        # Without an ETag nobody could tell whether the rest is of the same object.
        if self.seen and not self.tag:
            self.restart()
        rest = {"Range": f"bytes={self.seen}-", "IfMatch": self.tag} if self.seen else {}
        with explained(self.wanted.place):
            try:
                answer: Mapping[str, Any] = s3.get_object(**self.wanted.named, **rest)
            except ClientError as error:
                if rest and error_code(error) in _REPLACED:
                    raise _another(
                        self.wanted.place, "an object that was replaced while it was read", f"ETag {self.tag}"
                    ) from error
                raise
        return answer


def _fill(stream: BinaryIO, s3: Any, wanted: Wanted, patience: Patience) -> None:
    copy, bout = _Copy(stream, wanted), Bout(PACE, patience)
    while True:
        try:
            copy.go_on(s3)
            break
        except BROKEN as error:
            if isinstance(error, FlexibleChecksumError):
                copy.restart()
            if copy.seen >= wanted.size_bytes > 0:
                break
            if not bout.pause():
                raise MachineryError(
                    f"cannot download `{wanted.place}`",
                    detail=f"the connection broke {PACE.attempts} times, last: {type(error).__name__} "
                    f"after {copy.seen} of {wanted.size_bytes} bytes",
                    hint="retry the job; nothing was written",
                ) from error
    copy.check()


def _begin_of(answer: Mapping[str, Any]) -> int:
    """Return the byte at which the answer begins (RFC 9110: `Content-Range` belongs to a partial answer only)."""
    match = _BEGINS_AT.match(str(answer.get("ContentRange", "")))
    return int(match[1]) if match else 0


def _another(place: str, observed: str, expected: str) -> Refused:
    return Refused(
        f"`{place}` is not what its manifest says",
        detail=f"observed: {observed}\nexpected: {expected}",
        hint="do not use this package; find out who changed the object",
    )


def _no_room(target: Path, error: OSError, size_bytes: int) -> OrchestratorError:
    failure = unwritable(target, error)
    failure.detail += f"; {size_bytes} bytes are needed"
    return failure
