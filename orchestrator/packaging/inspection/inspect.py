"""Inspecting a finished zip: what in it cannot run on the target, and where that came from."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Refused
from orchestrator.packaging.inspection.binary import HEAD_BYTES, elf, foreign_format
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES, Target

_SUFFIX = re.compile(r"\.(?P<abi>cpython-3[0-9]+t?|pypy[0-9_]+-pp[0-9]+)d?(?:-(?P<platform>[a-z0-9_-]+))?\.so$")
_SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: in which file, of which distribution (empty: of the commit), and why."""

    file: str
    distribution: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem} (from {self.distribution or 'the commit'})"


@dataclass(frozen=True)
class Inspected:
    """What the zip holds, and what is wrong with it."""

    files: int
    unzipped_bytes: int
    findings: tuple[Finding, ...]


def inspect(package: Path, target: Target) -> Inspected:
    """Read every entry of the zip, by names and first bytes; raises Refused only if it is no readable zip."""
    findings: list[Finding] = []
    try:
        with zipfile.ZipFile(package) as archive:
            infos = archive.infolist()
            owners = _owners(archive)
            for info in infos:
                with archive.open(info) as file:
                    head = file.read(HEAD_BYTES)
                owner = owners.get(info.filename, "")
                findings += [Finding(info.filename, owner, text) for text in _problems(info.filename, head, target)]
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise Refused("the package is not a readable zip", detail=str(error)) from None
    unzipped = sum(info.file_size for info in infos)
    findings += _whole(infos, unzipped)
    return Inspected(len(infos), unzipped, tuple(findings))


def refuse_findings(inspected: Inspected, target: Target) -> None:
    """Raise Refused that names every finding, if there is one."""
    found = inspected.findings
    if not found:
        return
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    raise Refused(
        f"the package cannot run on {target}",
        detail="\n".join([*(str(finding) for finding in found[:_SHOWN]), *more]),
        hint="have those files built or downloaded for the target, or leave their distribution out",
    )


def _problems(name: str, head: bytes, target: Target) -> list[str]:
    problems = ["the name leaves the package"] if name.startswith("/") or ".." in name.split("/") else []
    header = elf(head)
    if header and (header.machine, header.bits, header.little_endian) != (target.elf_machine, 64, True):
        problems.append(f"observed {header}, expected ELF 64-bit little-endian {target.machine}")
    if system := foreign_format(head):
        problems.append(f"observed machine code of {system}, expected Linux")
    if match := _SUFFIX.search(name):
        problems += _wrong_suffix(match, target)
    return problems


def _wrong_suffix(match: re.Match[str], target: Target) -> list[str]:
    """Compare the tag of an extension module with the only one that the runtime's import system looks for."""
    expected = f"{target.machine}-linux-gnu"
    if match["abi"] != target.abi_tag:
        return [f"observed an extension for `{match['abi']}`, expected `{target.abi_tag}`"]
    if match["platform"] and match["platform"] != expected:
        return [f"observed an extension for `{match['platform']}`, expected `{expected}`"]
    return []


def _whole(infos: list[zipfile.ZipInfo], unzipped: int) -> list[Finding]:
    findings = []
    names = [info.filename for info in infos]
    for name in sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
        findings.append(Finding(name, "", "observed twice, expected once"))
    if unzipped > UNZIPPED_LIMIT_BYTES:
        text = f"observed {unzipped} bytes unzipped, expected at most {UNZIPPED_LIMIT_BYTES}"
        findings.append(Finding("(the whole package)", "all of it", text))
    return findings


def _owners(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the distribution (`lxml 6.0.2`) of every file that a RECORD names."""
    owners: dict[str, str] = {}
    for record in (name for name in archive.namelist() if name.endswith(".dist-info/RECORD")):
        folder = record.removesuffix("/RECORD")
        root, _, label = folder.rpartition("/")
        name, _, version = label.removesuffix(".dist-info").partition("-")
        for row in csv.reader(io.StringIO(archive.read(record).decode("utf-8", "replace"))):
            if row:
                owners[f"{root}/{row[0]}" if root else row[0]] = f"{name} {version}"
    return owners
