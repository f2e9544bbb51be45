"""A zip that has been read: its entries, what is in them, and what a loader would see of it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from orchestrator.packaging.inspection.contents import Contents, look_into
from orchestrator.packaging.inspection.elf import Elf
from orchestrator.packaging.inspection.filesystem import Part
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.zip_directory import Member, mapped, read_directory
from orchestrator.packaging.zip_end import UnreadableZip

_UNREAD = Elf(0, 64, little_endian=True)


class OpenZip(NamedTuple):
    """One zip, read once. Sizes in bytes."""

    name: str
    members: tuple[Member, ...]
    contents: Contents
    sha256: bytes
    size_bytes: int

    @property
    def unzipped_bytes(self) -> int:
        """The sum of what its entries say, which the reading has checked."""
        return sum(member.size_bytes for member in self.members)

    @property
    def files(self) -> int:
        """How many entries are no directories."""
        return sum(not member.is_directory for member in self.members)

    def part(self, label: str, fitting: Mapping[str, Elf]) -> Part:
        """Return what a loader sees: the fitting ELF files, and what was too large to be read by its name."""
        elves = {name: _UNREAD for name in self.contents.unread if ".so" in name} | dict(fitting)
        return Part(label, tuple(member.name for member in self.members), elves, self.contents.links)


def open_zip(path: Path, target: Target) -> OpenZip:
    """Read a zip; raises UnreadableZip that names it, and OSError."""
    digest: list[bytes] = []
    try:
        with mapped(path) as content:
            members = read_directory(content)
            contents = look_into(
                content, members, target.runtime.versions, beside=lambda: digest.append(sha256(content).digest())
            )
            return OpenZip(path.name, members, contents, digest[0], len(content))
    except UnreadableZip as error:
        raise UnreadableZip(error.observed, path.name) from None
