"""What a lock says for one target, and what has to be done for each of its packages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from orchestrator.packaging.runtimes import Target


class Verdict(str, Enum):
    """How a package gets into the zip."""

    WHEEL = "wheel"
    COMPILE = "compile"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True)
class LockedFile:
    """One file of an index or of the repository, known by its sha256 (hex). One of `url` and `path` is set."""

    name: str
    sha256: str
    url: str | None = None
    path: Path | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class LockedSource:
    """A source tree instead of a file: a directory of the repository, or a commit of another one (`url`)."""

    directory: Path | None = None
    url: str | None = None
    vcs: str = ""
    commit: str = ""
    subdirectory: str = ""


@dataclass(frozen=True)
class PlannedPackage:
    """One package of the lock: what is taken, and why.

    `name` is normalised; `version` is empty for a source tree whose version nobody has asked for yet. `file` is
    the wheel (WHEEL) or the sdist (COMPILE); `source` stands in its place for source trees. `fallback` tells that it is
    compiled although there is a wheel, because that lacks the machine code that other targets get.
    """

    name: str
    version: str
    verdict: Verdict
    reason: str
    file: LockedFile | None = None
    source: LockedSource | None = None
    fallback: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class DependencyPlan:
    """The lock of one target (PEP 751, `pylock.toml`), and its packages sorted by name.

    `text` is stored beside the package. `made` is False if the lock was in the repository and is used as it is.
    """

    target: Target
    packages: tuple[PlannedPackage, ...]
    text: bytes
    made: bool

    def having(self, verdict: Verdict) -> tuple[PlannedPackage, ...]:
        """Return the packages with this verdict."""
        return tuple(package for package in self.packages if package.verdict is verdict)
