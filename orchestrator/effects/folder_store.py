"""A package that was downloaded before, read as if it lay in its bucket: so the same checks look at it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import Gone, MachineryError, Refused
from orchestrator.records import Stored

_CHUNK_BYTES = 1024 * 1024


class FolderStore:
    """The files of a folder under the last part of their keys. Nothing is ever written there."""

    def __init__(self, bucket: str, folder: Path) -> None:
        self.bucket = bucket
        self._folder = folder

    def exists(self, key: str) -> bool:
        """Tell whether the folder has the file."""
        return self._path(key).is_file()

    def put_new(self, key: str, source: Path | bytes, *, sha256: str) -> bool:  # noqa: ARG002 - the port's signature
        """Raise `Refused`: a folder is looked at, not changed."""
        raise self._read_only(key)

    def replace(self, key: str, content: bytes, *, tag: str | None) -> bool:  # noqa: ARG002 - the port's signature
        """Raise `Refused`: a folder is looked at, not changed."""
        raise self._read_only(key)

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        """Return a file; raises `Gone` when it is not there, `Refused` when it is too large."""
        path = self._path(key)
        try:
            with _opened(path) as file:
                content = file.read(limit_bytes + 1)
        except OSError as error:
            raise self._missing(path, error) from error
        if len(content) > limit_bytes:
            raise Refused(
                f"`{path}` is too large",
                detail=f"observed: more than {limit_bytes} bytes",
                hint="find out who wrote this file",
            )
        return content

    def read_tagged(self, key: str, *, limit_bytes: int) -> Stored | None:
        """Return a file, None if it is not there."""
        if not self.exists(key):
            return None
        content = self.read(key, limit_bytes=limit_bytes)
        return Stored(content, hashlib.sha256(content).hexdigest())

    def download(self, key: str, version_id: str | None, target: Path, *, size_bytes: int, sha256: str) -> None:  # noqa: ARG002 - the port's signature
        """Copy a file to `target`; raises `Refused` unless size and digest are as given."""
        path, digest, size = self._path(key), hashlib.sha256(), 0
        try:
            with _opened(path) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
        except OSError as error:
            raise self._missing(path, error) from error
        if (size, digest.hexdigest()) != (size_bytes, sha256):
            raise Refused(
                f"`{path}` is not what its manifest says",
                detail=f"observed: {size} bytes, sha256 {digest.hexdigest()}\n"
                f"expected: {size_bytes} bytes, sha256 {sha256}",
                hint="do not use this package; find out who changed the file",
            )
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            raise MachineryError(f"cannot copy `{path}`", detail=str(error), hint="free some disk space") from error

    def _path(self, key: str) -> Path:
        return self._folder / key.rpartition("/")[2]

    def _missing(self, path: Path, error: OSError) -> Gone:
        return Gone(
            f"`{path}` cannot be read",
            detail=f"observed: {error.strerror or error}",
            hint="name the folder that `postbuild` or `artifacts get` has written, with all of its files",
        )

    def _read_only(self, key: str) -> Refused:
        return Refused(f"`{self._path(key)}` would be changed", hint="open an issue: a check must not write")


def _opened(path: Path) -> BinaryIO:
    """Open a file; a pipe, for which reading might wait for ever, is none."""
    if path.exists() and not path.is_file():
        raise OSError("it is no file")
    return path.open("rb")
