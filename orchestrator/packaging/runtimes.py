"""The Lambda runtimes as data: which system each one has, and what that system's libraries offer."""

from __future__ import annotations

import json
import pkgutil
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from orchestrator.errors import ConfigurationError

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_ELF_MACHINES = {"arm64": 183, "x86_64": 62}
# Of the C library, by architecture: its loader, and its vectors (libmvec: x86_64 since 2.22, AArch64 since 2.38).
_OF_GLIBC = {"arm64": {"ld-linux-aarch64.so.1"}, "x86_64": {"ld-linux-x86-64.so.2", "libmvec.so.1"}}
# Lambda quota "Deployment package (.zip file archive) size": 250 MB unzipped with all layers, in units of 1,024 KB.
UNZIPPED_LIMIT_BYTES = 262_144_000
Version = tuple[int, ...]


@dataclass(frozen=True)
class Runtime:
    """One row of the table.

    `versions` are the newest symbol versions of the system's libraries (`GLIBC`, `GLIBCXX`, `CXXABI`, `GCC`).
    `guaranteed` libraries may be relied on, `present` ones are there today and promised by nobody. `python` is
    None for runtimes of other languages.
    """

    name: str
    system: str
    versions: Mapping[str, Version]
    guaranteed: frozenset[str]
    present: frozenset[str]
    python: str | None = None
    deprecated: date | None = None
    block_create: date | None = None
    block_update: date | None = None

    @property
    def glibc(self) -> Version:
        """The version of the C library, such as `(2, 34)`."""
        return self.versions["GLIBC"]


@dataclass(frozen=True)
class Target:
    """What a package must run on: Lambda's word for the architecture (`arm64`), and the runtime."""

    architecture: str
    runtime: Runtime

    def __str__(self) -> str:
        return f"{self.runtime.name} on {self.architecture}"

    @property
    def python_version(self) -> str:
        """Such as `3.12`; raises ConfigurationError for a runtime of another language."""
        if self.runtime.python is None:
            raise ConfigurationError(
                f"`{self.runtime.name}` is no Python runtime", hint="choose a runtime such as `python3.13`"
            )
        return self.runtime.python

    @property
    def machine(self) -> str:
        """The architecture as the kernel and wheels spell it."""
        return _MACHINES[self.architecture]

    @property
    def elf_machine(self) -> int:
        """The `e_machine` of ELF files (ELF specification: 183 AArch64, 62 x86-64)."""
        return _ELF_MACHINES[self.architecture]

    @property
    def abi_tag(self) -> str:
        """The tag in the names of extension modules, such as `cpython-312`."""
        return f"cpython-{self.python_version.replace('.', '')}"

    @property
    def guaranteed(self) -> frozenset[str]:
        """The sonames that every function of this target finds."""
        return self.runtime.guaranteed | _OF_GLIBC[self.architecture]

    def foreign_machine(self) -> str:
        """Say why this machine cannot run code of the target, or nothing if it can."""
        here = f"{platform.system()} {platform.machine()}"
        return "" if here == f"Linux {self.machine}" else f"this machine is {here}, the target is {self}"

    def foreign(self) -> str:
        """Say why this Python cannot compile for the target, or nothing if it can."""
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        here = f"Python {python} on {platform.system()} {platform.machine()}"
        same = python == self.runtime.python and not self.foreign_machine()
        return "" if same else f"this machine is {here}, the target is {self}"


def target_of(architecture: str, runtime: str, overrides: Mapping[str, Any] | None = None) -> Target:
    """Return the target; raises ConfigurationError for words that the table does not know."""
    table = runtimes(overrides)
    for what, word, known in (("architecture", architecture, _MACHINES), ("runtime", runtime, table)):
        if word not in known:
            raise ConfigurationError(
                f"the {what} `{word}` is not known",
                detail=f"expected one of: {', '.join(known)}",
                hint=f"choose one of them{', or describe it under `runtimes:`' if what == 'runtime' else ''}",
            )
    return Target(architecture, table[runtime])


def runtimes(overrides: Mapping[str, Any] | None = None) -> dict[str, Runtime]:
    """Return the rows by name; `overrides` are rows as the table has them, which add or replace.

    A row names its `system` (one of the table), and may have members of its own for `versions`, `guaranteed`,
    `present`, `python` and the dates. Raises ConfigurationError for anything else.
    """
    document = _document()
    rows = {name: _row(name, row, document) for name, row in document["runtimes"].items()}
    for name, row in (overrides or {}).items():
        try:
            rows[name] = _row(name, {**document["runtimes"].get(name, {}), **row}, document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigurationError(
                f"the row of the runtime `{name}` is wrong",
                detail=f"observed: {row!r} ({type(error).__name__}: {error})",
                hint=f"expected: `system`, one of {', '.join(document['systems'])}, and what differs from it",
            ) from None
    return rows


def checked_on() -> date:
    """Return the day on which the table was last compared with its sources."""
    return date.fromisoformat(_document()["checked_on"])


def version_of(text: str) -> Version:
    """Return `2.34` as `(2, 34)`; raises ValueError."""
    return tuple(int(part) for part in text.split("."))


def _row(name: str, row: Mapping[str, Any], document: Mapping[str, Any]) -> Runtime:
    unknown = set(row) - {"system", "versions", "guaranteed", "present", "python", *_DATES}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    system = document["systems"][row["system"]]
    python = row.get("python")
    libraries = {*document["guaranteed"], *row.get("guaranteed", ())}
    return Runtime(
        name=name,
        system=row["system"],
        versions={key: version_of(text) for key, text in {**system["versions"], **row.get("versions", {})}.items()},
        guaranteed=frozenset(libraries | ({f"libpython{python}.so.1.0"} if python else set())),
        present=frozenset(row.get("present", system["present"])),
        python=python,
        **{key: date.fromisoformat(row[key]) for key in _DATES if key in row},
    )


_DATES = ("deprecated", "block_create", "block_update")


@cache
def _document() -> Any:
    content = pkgutil.get_data("orchestrator.packaging", "runtimes.json")
    assert content is not None  # noqa: S101 - both loaders that can load this package can read its files
    return json.loads(content)
