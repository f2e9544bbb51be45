"""Compiled wheels kept in S3, for later builds of the same CodeBuild project."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.packaging.files import write_whole
from orchestrator.packaging.inside.aws import client, error_code, wrapped
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.store import put_new
from orchestrator.packaging.wheels.keep import ENTRY, describe, recognise
from orchestrator.packaging.wheels.model import Wheel

_ABSENT = {"NoSuchKey", "404"}
# Without s3:ListBucket, which builds do not have, S3 says this of a key that does not exist.
_HIDDEN = {"AccessDenied", "403"}
_LIMIT_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class StoredKeep:
    """The keep of one CodeBuild project: `wheels/<project>/<digest>/<file>`, and `wheel.json` beside it.

    It saves time and nothing else: whatever is wrong with it is told, and the wheel is compiled.
    """

    build: Build
    folder: Path
    narrate: Callable[[str], None]

    def get(self, digest: str) -> Wheel | None:
        """See WheelKeep."""
        place = self.folder / digest
        try:
            entry = self._read(self._key(digest, ENTRY))
            return self._fetch(digest, recognise(entry, place)) if entry else None
        except (OrchestratorError, OSError, ValueError) as error:
            self.narrate(f"the kept wheel {digest[:12]} is passed over: {str(error).splitlines()[0]}")
            return None

    def _fetch(self, digest: str, wheel: Wheel) -> Wheel:
        content = self._read(self._key(digest, wheel.path.name))
        if content is None or hashlib.sha256(content).hexdigest() != wheel.sha256:
            raise ValueError("its file is missing, or does not have its digest")
        wheel.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(wheel.path, content)
        return wheel

    def put(self, digest: str, wheel: Wheel, shaped: Mapping[str, str]) -> None:
        """See WheelKeep; the wheel first, so that an entry always has one."""
        content = describe(wheel, shaped)
        entry = self.folder / digest / ENTRY
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            write_whole(entry, content)
            self._write(digest, wheel.path, bytes.fromhex(wheel.sha256), "application/zip")
            self._write(digest, entry, hashlib.sha256(content).digest(), "application/json")
        except (OrchestratorError, OSError) as error:
            self.narrate(f"{wheel} is not kept: {str(error).splitlines()[0]}")

    def _key(self, digest: str, name: str) -> str:
        project = self.build.build_id.partition(":")[0]
        return self.build.key("wheels", project, digest, name)

    def _write(self, digest: str, file: Path, sha256: bytes, content_type: str) -> None:
        put_new(self.build, self._key(digest, file.name), file, sha256, content_type=content_type)

    def _read(self, key: str) -> bytes | None:
        s3 = client("s3")
        with wrapped(f"cannot read `s3://{self.build.bucket}/{key}`"):
            try:
                answer: Any = s3.get_object(
                    Bucket=self.build.bucket, Key=key, ChecksumMode="ENABLED", ExpectedBucketOwner=self.build.account
                )
            except s3.exceptions.ClientError as error:
                if error_code(error) in _ABSENT | _HIDDEN:
                    return None
                raise
            if answer["ContentLength"] > _LIMIT_BYTES:
                raise ValueError(f"it has {answer['ContentLength']} bytes")
            content = bytes(answer["Body"].read())
        stated = answer.get("ChecksumSHA256")
        if stated and stated != base64.b64encode(hashlib.sha256(content).digest()).decode():
            raise ValueError("what came is not what is stored")
        return content
