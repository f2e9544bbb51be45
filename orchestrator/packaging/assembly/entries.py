"""One file of the zip, wherever its content comes from."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from orchestrator.errors import BuildFailed, MachineryError, Refused
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES
from orchestrator.packaging.zip_directory import STORED, Member, UnreadableMember, read_member


class InWheel(NamedTuple):
    """A member of a wheel, `whole` being the bytes of that wheel and `origin` its distribution."""

    whole: memoryview
    member: Member
    origin: str

    def read(self) -> bytes:
        """Return the content; raises Refused if it is damaged, BuildFailed if Lambda could not take it anyway."""
        if self.member.size_bytes > UNZIPPED_LIMIT_BYTES:
            raise BuildFailed(
                f"`{self.member.name}` of {self.origin} alone is larger than Lambda takes",
                detail=f"observed: {self.member.size_bytes} bytes, expected: at most {UNZIPPED_LIMIT_BYTES}",
                hint="use another release",
            )
        try:
            return bytes(read_member(self.whole, self.member))
        except UnreadableMember as error:
            raise self._damaged(error.detail) from None

    def head(self, length: int) -> bytes:
        """Return the first bytes of the content, however much there is of it; raises Refused if it is damaged."""
        member = self.member
        with self.whole[member.data_offset : member.data_offset + member.compressed_bytes] as raw:
            if member.method == STORED:
                return bytes(raw[:length])
            try:
                return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, length)
            except zlib.error as error:
                raise self._damaged(str(error)) from None

    def _damaged(self, detail: str) -> Refused:
        return Refused(
            f"`{self.member.name}` in the wheel of {self.origin} cannot be read",
            detail=detail,
            hint="make or download the wheel again",
        )


class OnDisk(NamedTuple):
    """A file as it was when the package was planned."""

    path: Path
    size_bytes: int
    modified_ns: int
    inode: int

    def read(self) -> bytes:
        """Return the content; raises Refused if the file is another one by now."""
        try:
            with self.path.open("rb") as file:
                content = file.read(self.size_bytes + 1)
                seen = on_disk(self.path, os.fstat(file.fileno()))
        except OSError as error:
            raise MachineryError(f"cannot read `{self.path.name!a}`", detail=str(error)) from error
        if seen != self or len(content) != self.size_bytes:
            raise Refused(
                f"{self.path.name!a} changed while it was packed",
                detail=f"observed: {seen.size_bytes} bytes, expected: the {self.size_bytes} bytes of a moment before",
                hint="stop what writes to the application's files, then build again",
            )
        return content


class InMemory(NamedTuple):
    """A file that we have written ourselves."""

    content: bytes

    def read(self) -> bytes:
        """Return the content."""
        return self.content


Content = InWheel | OnDisk | InMemory


class Entry(NamedTuple):
    """One file: its name in the zip, and its distribution (`lxml 6.0.2`; empty: the application)."""

    name: str
    executable: bool
    size_bytes: int
    origin: str
    content: Content


def on_disk(path: Path, status: os.stat_result) -> OnDisk:
    """Describe a file by its `stat`."""
    return OnDisk(path, status.st_size, status.st_mtime_ns, status.st_ino)


def same_content(left: Entry, right: Entry) -> bool:
    """Compare two files, byte by byte only if all that is known without reading them is equal."""
    if left.size_bytes != right.size_bytes:
        return False
    ours, other = left.content, right.content
    if isinstance(ours, InWheel) and isinstance(other, InWheel) and ours.member.crc != other.member.crc:
        return False
    return ours.read() == other.read()
