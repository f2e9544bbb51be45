"""Asking the system which of its packages brought a library, for the SBOM."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.errors import MachineryError
from orchestrator.packaging.process import clean_environment, run
from orchestrator.packaging.wheels.model import SystemLibrary

_SECONDS = 60
_RPM_FORMAT = r"%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{LICENSE}\n"
# The paragraph of a copyright file (DEP-5) that speaks for everything that no other one names.
_LICENCE = re.compile(r"^Files:[ \t]*\*.*?^License:[ \t]*(\S[^\n]*)$", re.MULTILINE | re.DOTALL)


def owner_of(library: Path, environ: Mapping[str, str] = os.environ) -> SystemLibrary:
    """Return the library with its package, version and licence; what the system does not know stays empty."""
    path = environ.get("PATH", os.defpath)
    known: tuple[str, str, str] | None = None
    if shutil.which("rpm", path=path):
        known = _of_rpm(library, environ)
    if known is None and shutil.which("dpkg-query", path=path):
        known = _of_dpkg(library, environ)
    package, version, licence = known or ("", "", "")
    return SystemLibrary(library.name, package, version, licence)


def _ask(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        result = run(
            arguments, environment=clean_environment({"LC_ALL": "C.UTF-8"}, environ=environ), timeout_seconds=_SECONDS
        )
    except MachineryError:
        return ""
    return "" if result.code else result.output


def _of_rpm(library: Path, environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    for spelling in _spellings(library):
        fields = _ask(["rpm", "--query", "--file", "--queryformat", _RPM_FORMAT, spelling], environ).split("\t")
        if len(fields) == 3:
            return fields[0], fields[1].removeprefix("0:"), fields[2].strip()
    return None


def _of_dpkg(library: Path, environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    for spelling in _spellings(library):
        # `libssl3:amd64: /usr/lib/x86_64-linux-gnu/libssl.so.3`; a diversion is told in a line that begins otherwise.
        found = re.search(r"^(\S+): /", _ask(["dpkg-query", "--search", spelling], environ), re.MULTILINE)
        if found is None:
            continue
        package = found[1].partition(":")[0]
        version = _ask(["dpkg-query", "--show", "--showformat", "${Version}", found[1]], environ).strip()
        return package, version, _debian_licence(library, package)
    return None


def _spellings(library: Path) -> Iterator[str]:
    """Yield the names under which a package may list the file: systems with a merged /usr know it by two."""
    seen = {str(library): None, str(library.resolve()): None}
    for name in list(seen):
        if name.startswith("/usr/lib"):
            seen[name.removeprefix("/usr")] = None
        elif name.startswith("/lib"):
            seen[f"/usr{name}"] = None
    yield from seen


def _debian_licence(library: Path, package: str) -> str:
    """Return the licence of most of the package's files, in Debian's words (DEP-5); nothing if it is told in prose."""
    for parent in library.parents:
        for folder in (parent, parent / "usr"):
            file = folder / "share" / "doc" / package / "copyright"
            if file.is_file():
                text = file.read_text(encoding="utf-8", errors="replace")
                found = _LICENCE.search(text) if text.startswith("Format:") else None
                return found[1].strip() if found else ""
    return ""
