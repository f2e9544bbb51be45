"""Rules about compiled Python: what the runtime will never use, or cannot import."""

from __future__ import annotations

import calendar
import posixpath
import re
import struct
from collections.abc import Iterator, Mapping, Sequence

from orchestrator.packaging.inspection.contents import BYTECODE_HEADER_BYTES, Contents
from orchestrator.packaging.inspection.distributions import Distribution, Distributions
from orchestrator.packaging.inspection.model import Rule, Severity
from orchestrator.packaging.inspection.problem import Problem
from orchestrator.packaging.inspection.python_abi import is_for_other_python
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.zip_directory import Member

# CPython, Include/internal/pycore_magic_number.h: the number of the final release of each minor version.
_MAGIC = {"3.8": 3413, "3.9": 3425, "3.10": 3439, "3.11": 3495, "3.12": 3531, "3.13": 3571, "3.14": 3627}
_CACHED = re.compile(
    r"(?P<folder>(?:.*/)?)__pycache__/(?P<stem>[^/]+?)\.(?P<tag>[a-z]+-?[0-9]+[a-z]*)(?:\.opt-[12])?\.pyc$"
)
_BY_HASH = 0x1
# A zip keeps local times of nobody knows where; further apart than this, no time zone explains it.
_ANYWHERE_SECONDS = 26 * 3600
_OTHER, _SOURCELESS, _STALE = "another Python", "no source", "another time"
_SAID = {
    _OTHER: "made by another Python",
    _SOURCELESS: "without the source that they belong to",
    _STALE: "whose source has another time or size than they say, so that they never count as current",
}


def check_bytecode(
    members: Sequence[Member], contents: Contents, distributions: Distributions, target: Target
) -> Iterator[Problem]:
    """Yield one warning for each distribution and reason; a module without source that no import takes is an error."""
    magic = _MAGIC.get(target.runtime.python or "")
    if magic is None:
        return
    by_name = {member.name: member for member in members}
    useless: dict[tuple[Distribution | None, str], list[str]] = {}
    for name, header in sorted(contents.bytecode.items()):
        if is_for_other_python(name, target):
            continue
        if not (match := _CACHED.match(name)):
            yield from _bare(name, header, magic, by_name)
        elif reason := _reason(match, header, magic, by_name, target):
            useless.setdefault((distributions.of(name), reason), []).append(name)
    for (_, reason), names in useless.items():
        many = f"{len(names)} compiled files" if len(names) > 1 else "a compiled file"
        observed = f"{many} {_SAID[reason]}"
        yield Problem(Rule.BYTECODE, names[0], reason, observed, "bytecode that is used", severity=Severity.WARNING)


def _bare(name: str, header: bytes, magic: int, members: Mapping[str, Member]) -> Iterator[Problem]:
    """Check a `.pyc` in the place of its source, which is imported if there is no source (PEP 3147)."""
    if f"{name[:-1]}" not in members and _magic(header) != magic:
        yield Problem(Rule.BYTECODE, name, _OTHER, f"a module {_SAID[_OTHER]}", "one that can be imported")


def _reason(match: re.Match[str], header: bytes, magic: int, members: Mapping[str, Member], target: Target) -> str:
    if _magic(header) != magic or match["tag"] != target.abi_tag:
        return _OTHER
    source = members.get(posixpath.join(match["folder"], f"{match['stem']}.py"))
    if source is None:
        return _SOURCELESS
    flags, seconds, size = struct.unpack_from("<III", header, 4)
    if flags & _BY_HASH:
        return ""
    apart = abs(_seconds(source.modified) - seconds)
    return _STALE if size != source.size_bytes or apart > _ANYWHERE_SECONDS else ""


def _magic(header: bytes) -> int:
    return int.from_bytes(header[:2], "little") if len(header) == BYTECODE_HEADER_BYTES else -1


def _seconds(modified: int) -> int:
    """Return an MS-DOS date and time as seconds since 1970, as if it were UTC."""
    date, time = modified >> 16, modified & 0xFFFF
    day = (1980 + (date >> 9), max(date >> 5 & 0xF, 1), max(date & 0x1F, 1))
    return calendar.timegm((*day, time >> 11, time >> 5 & 0x3F, (time & 0x1F) * 2, 0, 0, 0))
