"""Why something does not compile: what the compiler's words mean, and which system package helps.

The knowledge is the table `missing.json`: a row has the packages of each manager, and what they bring: headers,
libraries, programs, modules of pkg-config, and words with which build scripts ask for them. `*` stands for anything.
"""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.outdated import is_of_python, outdated, was_removed
from orchestrator.packaging.wheels.system_packages import manager_here

_PROGRAM = r"[\w.+-]*(?:[_-]config|rustc|cargo|cmake)"
_SIGNS = tuple(
    (kind, re.compile(pattern, re.MULTILINE))
    for kind, pattern in (
        # gcc and clang; configure scripts and CMake.
        ("headers", r"fatal error: ['\"]?([\w./+-]+)['\"]?:? (?:No such file|file not found)"),
        ("headers", r"(?:[Cc]ould not find|[Cc]annot find|[Mm]issing) (?:header )?(?:file )?[`'\"<]?([\w./+-]+\.h)\b"),
        # ld, gold, lld; meson.
        ("libraries", r"(?:cannot find|unable to find library|library not found for) -l:?([\w.+-]*[\w+-])"),
        ("libraries", r"C(?:\+\+)? shared or static library ['\"]([\w.+-]+)['\"] not found"),
        # A program that a build script wanted to run.
        ("programs", r"(?:No such file or directory|\[Errno 2\])[^\n']*?: '(?:[\w./-]*/)?([\w.+-]+)'"),
        ("programs", r"(?:unable to execute|error: command) '(?:[\w./-]*/)?([\w.+-]+)'(?::| failed:) No such file"),
        ("programs", r"(?:^|[\s:'/`])([\w.+-]+): (?:command )?not found\s*$"),
        ("programs", rf"({_PROGRAM})[`'\"]? (?:executable )?(?:is )?not (?:found|installed|available)"),
        ("programs", rf"[Cc]ould not (?:run|find|execute) [`'\"]?({_PROGRAM})\b"),
        ("programs", r"cannot execute '(cc1plus)'"),
        ("programs", r"Program ['\"]?([\w.+-]+)['\"]? not found"),
        # pkg-config; meson; the crates and modules that ask pkg-config.
        ("modules", r"[Pp]ackage '?([\w.+-]+)'?(?:, required by '[^']*',)? (?:was )?not found"),
        ("modules", r"No package '([\w.+-]+)' found"),
        ("modules", r"Dependency ['\"]([\w.+-]+)['\"] not found"),
        ("modules", r"Dependency lookup for ([\w.+-]+) with method"),
        (
            "modules",
            r"pkg-config[^\n]*--(?:cflags|libs|exists|modversion)[^\n]*?['\" ]([\w.+-]+)['\"][^\n]*did not exit",
        ),
        # CMake, for what it calls a package; `Arrow` comes with `ArrowConfig.cmake`.
        ("configurations", r'By not providing "Find([\w.+-]+)\.cmake"'),
    )
)
_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_KINDS = {
    "headers": "the header",
    "libraries": "the library",
    "programs": "the program",
    "modules": "the library",
    "configurations": "what CMake calls",
}
_MANAGERS = ("dnf", "yum", "apt-get")


@dataclass(frozen=True)
class Cause:
    """One thing that is missing: what it is, and what to do about it, each in one line."""

    what: str
    advice: str


def explain(output: str, target: Target, *, manager: str | None = None) -> tuple[Cause, ...]:
    """Return what the output of a failed build says is missing; nothing if it says nothing that is understood.

    `manager` is the package manager whose names are given (default: that of this machine; without one all are).
    """
    if manager is None:
        here = manager_here()
        manager = {"microdnf": "dnf"}.get(here.name, here.name) if here else ""
    return tuple(_causes(output, target, manager))


def brought_by(kind: str, name: str, manager: str, python: str) -> list[str]:
    """Return the system packages that bring a thing of a kind (`headers`, `libraries`, `programs`, `modules`)."""
    row = _row_of(kind, name)
    return [text.format(python=python) for text in row["packages"][manager].split()] if row else []


def _causes(output: str, target: Target, manager: str) -> Iterator[Cause]:
    covered: set[str] = set()
    for kind, pattern in _SIGNS:
        for found in pattern.finditer(output):
            name = found[1]
            row = _row_of(kind, name)
            if row is None and kind in ("programs", "modules"):
                # Every unknown file that a script looks for in vain would come out as a missing program.
                continue
            if row is None and kind == "headers" and is_of_python(name):
                continue
            wanted = f"{name}Config.cmake" if kind == "configurations" else name
            advice = _advice(row, target, manager) if row else _search(wanted, manager)
            if advice not in covered:
                covered.add(advice)
                yield Cause(f"{_KINDS[kind]} `{name}` is missing", advice)
    for row in _table():
        for word in row.get("words", ()):
            advice = _advice(row, target, manager)
            if word in output and advice not in covered:
                covered.add(advice)
                yield Cause(f"its build script says: {_line_with(word, output)}", advice)
    yield from (Cause(*found) for found in outdated(output, target))
    module = _MODULE.search(output)
    if module and not was_removed(module[1], target):
        yield Cause(
            f"its build script needs the Python module `{module[1]}`, and does not declare it",
            "choose a version whose `build-system.requires` names it, or one that has a wheel",
        )


def _row_of(kind: str, name: str) -> Any:
    exact = (row for row in _table() if name in row.get(kind, ()))
    wide = (row for row in _table() if any(fnmatchcase(name, pattern) for pattern in row.get(kind, ())))
    return next(exact, None) or next(wide, None)


def _advice(row: Any, target: Target, manager: str) -> str:
    names = {
        key: [name.format(python=target.runtime.python) for name in text.split()]
        for key, text in row["packages"].items()
    }
    if manager in names:
        return f"add {_quoted(names[manager])} to `system_packages:`"
    listed = ", ".join(f"{_quoted(names[key])} ({key})" for key in _MANAGERS)
    return f"add what your build image's system calls it to `system_packages:`: {listed}"


def _search(name: str, manager: str) -> str:
    if manager == "apt-get":
        return f"find its package with `apt-file search {name}`, and add it to `system_packages:`"
    return f"find its package with `{manager or 'dnf'} provides '*/{name}'`, and add it to `system_packages:`"


def _quoted(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _line_with(word: str, output: str) -> str:
    line = next(line.strip() for line in output.splitlines() if word in line)
    return line if len(line) <= 160 else f"{line[:160]}…"


@cache
def _table() -> Any:
    content = pkgutil.get_data("orchestrator.packaging.wheels", "missing.json")
    assert content is not None  # noqa: S101 - both loaders that can load this package can read its files
    return json.loads(content)
