"""What an inspection says: findings, and what somebody has allowed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Rule(str, Enum):
    """Every rule that a file can break; the values are what configurations allow and reports print."""

    MACHINE = "machine"  # ELF class, byte order or processor is not the target's
    FORMAT = "format"  # machine code of another system: PE, Mach-O
    ABI = "abi"  # an extension module for another Python, or a C library that is not glibc
    VERSION = "version"  # a symbol version that the runtime's libraries do not have
    LIBRARY = "library"  # a needed library that nothing brings
    UNPROMISED = "unpromised"  # a needed library that is there today and promised by nobody (a warning)
    NAME = "name"  # a file name that leaves the package, or cannot be unpacked
    DUPLICATE = "duplicate"  # one name twice
    LINK = "link"  # a symbolic link or a special file
    MODE = "mode"  # a file that the runtime's user cannot read, or a program that cannot be run
    SIZE = "size"  # more than Lambda takes, layers included
    CONTENT = "content"  # a member that cannot be read: damaged, encrypted, larger than it says
    PLACEHOLDER = "placeholder"  # a distribution that brings no code and needs no other
    BYTECODE = "bytecode"  # compiled Python of another version, or that never counts as current (a warning)


class Severity(str, Enum):
    """Whether a finding stops the package."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    `file` is the name in the zip, `distribution` where it came from (`lxml 6.0.2`; empty: the application).
    `subject` is the symbol, library or tag; `advice` says what to do about it.
    """

    rule: Rule
    severity: Severity
    file: str
    distribution: str
    subject: str
    observed: str
    expected: str
    advice: str

    def __str__(self) -> str:
        origin = f" (from {self.distribution})" if self.distribution else ""
        # Whoever made the zip has chosen the name, and it is going to be shown on a terminal.
        name = self.file if self.file.isprintable() else ascii(self.file)[1:-1]
        return f"{name}: observed {self.observed}, expected {self.expected}{origin}"


@dataclass(frozen=True)
class Allowance:
    """What somebody has decided to live with: a rule, names in the zip and subjects (glob patterns), and why."""

    rule: Rule
    reason: str
    file: str = "*"
    subject: str = "*"


@dataclass(frozen=True)
class Allowed:
    """A finding that an allowance covers."""

    finding: Finding
    reason: str


@dataclass(frozen=True)
class Inspection:
    """What a zip holds and what is wrong with it. Sizes in bytes, without its layers; `sha256` of the zip itself."""

    sha256: bytes
    size_bytes: int
    unzipped_bytes: int
    files: int
    native_files: int
    findings: tuple[Finding, ...]
    allowed: tuple[Allowed, ...]
    layers_unzipped_bytes: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop the package."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)
