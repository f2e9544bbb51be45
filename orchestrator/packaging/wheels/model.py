"""A wheel on this disk, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SystemLibrary:
    """A library of the build machine that was put into a wheel, and the system package that brought it."""

    name: str
    package: str
    version: str
    licence: str


@dataclass(frozen=True)
class Wheel:
    """One whole wheel whose sha256 (hex) has been checked.

    `compiled` is True if it was made from source here or by an earlier build of ours; then `source_sha256` is
    the digest of its sdist (empty for a source tree) and `libraries` are what was grafted in.
    """

    name: str
    version: str
    path: Path
    sha256: str
    url: str = ""
    compiled: bool = False
    source_sha256: str = ""
    libraries: tuple[SystemLibrary, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
