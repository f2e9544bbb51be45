"""Where the files of a wheel stand in a package."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.errors import BuildFailed
from orchestrator.packaging.assembly.entries import Entry, InMemory
from orchestrator.packaging.assembly.wheel import OpenWheel
from orchestrator.packaging.zip_directory import Member

# Written by an installer: they say when and from which path something was installed. Signatures of a RECORD do
# not fit the one that we write.
_LEFT_OUT = {"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", "RECORD.jws", "RECORD.p7s"}
_BYTECODE = (".pyc", ".pyo")
_HEAD_BYTES = 512


@dataclass
class Unpacked:
    """The files of one wheel, and how many were left out because no Lambda can use them.

    `recorded` are the row of RECORD and the name in the zip of each file.
    """

    entries: list[Entry] = field(default_factory=list)
    recorded: list[tuple[str, list[str]]] = field(default_factory=list)
    windows_programs: int = 0
    lost_bytecode: list[str] = field(default_factory=list)


def unpack(wheel: OpenWheel, site: str) -> Unpacked:
    """Return the files of the wheel, those of purelib and platlib below `site` (`python/`, or empty).

    Source of the places: "Installing a wheel" of the binary distribution format. Headers stay out, and so do scripts
    that begin with a Python interpreter: they name one that no Lambda has there. Raises BuildFailed for a `.data`
    directory with a part that is not known.
    """
    found = Unpacked()
    for name, member in wheel.files.items():
        if _is_left_out(name, wheel, found):
            continue
        target, executable = _place(name, member, wheel, site)
        if target:
            found.entries.append(Entry(target, executable, member.size_bytes, wheel.origin, wheel.content(name)))
            found.recorded.append((target, wheel.record[name]))
    return found


def record_of(wheel: OpenWheel, site: str, recorded: list[tuple[str, list[str]]], kept: set[str]) -> Entry:
    """Return the RECORD with a row for exactly the files of this wheel that are packed, sorted.

    Paths are relative to `site`, as an installer writes them; `kept` are names in the zip, the RECORD's own included.
    """
    name = f"{site}{wheel.dist_info}/RECORD"
    rows = [[_relative(target, site), *row[1:]] for target, row in recorded if target in kept]
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerows(sorted([*rows, [_relative(name, site), "", ""]]))
    content = output.getvalue().encode()
    return Entry(name, executable=False, size_bytes=len(content), origin=wheel.origin, content=InMemory(content))


def _relative(name: str, site: str) -> str:
    return name[len(site) :] if name.startswith(site) else "../" * site.count("/") + name


def _is_left_out(name: str, wheel: OpenWheel, found: Unpacked) -> bool:
    folder, _, last = name.rpartition("/")
    if last.endswith(_BYTECODE):
        if not folder.endswith("__pycache__") and f"{name[:-1]}" not in wheel.files:
            found.lost_bytecode.append(name)
        return True
    if last.endswith(".exe"):
        found.windows_programs += 1
        return True
    return folder == wheel.dist_info and (last in _LEFT_OUT or last == "RECORD")


def _place(name: str, member: Member, wheel: OpenWheel, site: str) -> tuple[str, bool]:
    """Return the name in the zip, or nothing if it stays out, and whether it can be run."""
    executable = bool(member.mode & 0o111)
    top, _, rest = name.partition("/")
    if not (rest and top.endswith(".data")):
        return site + name, executable
    scheme, _, inner = rest.partition("/")
    if scheme in ("purelib", "platlib") and inner:
        return site + inner, executable
    if scheme == "data" and inner:
        return inner, executable
    if scheme == "scripts" and inner:
        return ("" if _is_python_script(wheel, member) else f"bin/{inner}"), True
    if scheme == "headers" and inner:
        return "", False
    raise BuildFailed(
        f"the wheel of {wheel.origin} has files for a place that is not known",
        detail=f"observed: `{name}`, expected: `{top}/` with purelib, platlib, data, scripts or headers",
        hint="use another release of it",
    )


def _is_python_script(wheel: OpenWheel, member: Member) -> bool:
    head = wheel.content(member.name).head(_HEAD_BYTES)
    # A shebang too long for the kernel stands in the second line, behind `#!/bin/sh`.
    return head.startswith(b"#!") and b"python" in b"".join(head.splitlines()[:2])


def notes_of(wheel: OpenWheel, found: Unpacked) -> Iterator[str]:
    """Say what of a wheel was left out although somebody might miss it."""
    if found.windows_programs:
        yield f"left out {found.windows_programs} Windows programs (`*.exe`) of {wheel.origin}"
    if found.lost_bytecode:
        yield (
            f"left out {len(found.lost_bytecode)} compiled files of {wheel.origin} that have no source, "
            f"such as `{found.lost_bytecode[0]}`"
        )
