"""What a wheel holds and what its RECORD says about that, before a byte of it is copied."""

from __future__ import annotations

import csv
import io
import posixpath
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from orchestrator.errors import BuildFailed, OrchestratorError, Refused
from orchestrator.packaging.assembly.entries import InWheel
from orchestrator.packaging.assembly.names import check_name
from orchestrator.packaging.wheels.model import Wheel
from orchestrator.packaging.zip_directory import DEFLATED, STORED, Member, read_directory
from orchestrator.packaging.zip_end import UnreadableZip

# Signatures of a RECORD, which cannot name themselves in it (binary distribution format, "The .dist-info directory").
_SIGNATURES = {"RECORD.jws", "RECORD.p7s"}
# What Python or the loader opens by its name: modules, and libraries with a version behind theirs.
_LOADED = re.compile(r"\.(py|pyc|so(\.[0-9.]+)?)$")
_UNIX = 3
_SHOWN = 5


@dataclass(frozen=True)
class OpenWheel:
    """A wheel whose names, headers and RECORD agree.

    `files` are its members by name, without directories; `record` are the rows (path, hash, size) of its RECORD by
    the normalised path, `dist_info` and the `.data` directory are at its top.
    """

    origin: str
    whole: memoryview
    files: dict[str, Member]
    dist_info: str
    record: dict[str, list[str]]

    def content(self, name: str) -> InWheel:
        """Return where the content of a file is."""
        return InWheel(self.whole, self.files[name], self.origin)


def open_wheel(wheel: Wheel, whole: memoryview) -> OpenWheel:
    """Return the wheel whose bytes are `whole`.

    Raises Refused if it is not what it claims to be (names that leave it, links, duplicates, another distribution, a
    RECORD that does not match), BuildFailed for what nobody here can unpack, each naming the distribution.
    """
    origin = str(wheel)
    try:
        members = read_directory(whole)
    except UnreadableZip as error:
        raise _broken(origin, error) from None
    files = _files(members, origin)
    dist_info = _dist_info(files, wheel)
    _check_version(InWheel(whole, files[f"{dist_info}/WHEEL"], origin).read(), origin)
    record = _record(InWheel(whole, files[f"{dist_info}/RECORD"], origin).read(), origin)
    _check_record(files, dist_info, record, origin)
    return OpenWheel(origin, whole, files, dist_info, record)


def _files(members: Iterable[Member], origin: str) -> dict[str, Member]:
    files: dict[str, Member] = {}
    for member in members:
        check_name(member.name.removesuffix("/"), origin)
        if member.is_directory:
            continue
        if member.name in files:
            raise Refused(
                f"the wheel of {origin} holds `{member.name}` twice",
                hint="do not use that release: programs differ in which of the two they take",
            )
        _check_kind(member, origin)
        files[member.name] = member
    return files


def _check_kind(member: Member, origin: str) -> None:
    kind = stat.S_IFMT(member.mode) if member.create_system == _UNIX else 0
    if member.is_symlink or kind not in (0, stat.S_IFREG):
        raise Refused(
            f"`{member.name}` in the wheel of {origin} is no regular file",
            detail="observed: a link or a special file, expected: wheels hold files only",
            hint="do not use that release of it",
        )
    if member.is_encrypted or member.method not in (STORED, DEFLATED):
        observed = "an encrypted member" if member.is_encrypted else f"compression method {member.method}"
        raise BuildFailed(
            f"`{member.name}` in the wheel of {origin} cannot be unpacked",
            detail=f"observed: {observed}, expected: stored (0) or deflated (8)",
            hint="make the wheel again with a usual tool",
        )


def _dist_info(files: dict[str, Member], wheel: Wheel) -> str:
    """Return the one `.dist-info` directory, which must be that of the distribution we asked for."""
    names = {name.split("/", 1)[0] for name in files if ".dist-info/" in name}
    found = sorted(name for name in names if name.endswith(".dist-info"))
    wanted = f"one `{canonicalize_name(wheel.name)}-{wheel.version}.dist-info`"
    if len(found) != 1 or not _is_of(found[0], wheel):
        raise Refused(
            f"the wheel of {wheel} holds another distribution",
            detail=f"observed: {', '.join(f'`{name}`' for name in found[:_SHOWN]) or 'no `.dist-info`'}\n"
            f"expected: {wanted}",
            hint="find out who made this file",
        )
    for name in ("WHEEL", "RECORD"):
        if f"{found[0]}/{name}" not in files:
            raise Refused(
                f"the wheel of {wheel} is not whole",
                detail=f"observed: no `{found[0]}/{name}`",
                hint="make or download the wheel again",
            )
    return found[0]


def _is_of(dist_info: str, wheel: Wheel) -> bool:
    name, _, version = dist_info.removesuffix(".dist-info").rpartition("-")
    try:
        same = Version(version) == Version(wheel.version)
    except InvalidVersion:
        same = version == wheel.version
    return same and canonicalize_name(name) == canonicalize_name(wheel.name)


def _check_version(content: bytes, origin: str) -> None:
    """Refuse a newer format, as the specification asks for ("Installing a wheel", 1.b)."""
    match = re.search(rb"^Wheel-Version:\s*([0-9]+)", content, re.MULTILINE | re.IGNORECASE)
    if match is None or int(match[1]) != 1:
        raise BuildFailed(
            f"the wheel of {origin} has a format that is not known here",
            detail=f"observed: Wheel-Version {match[1].decode() if match else 'missing'}, expected: 1.x",
            hint="update this program, or use another release",
        )


def _record(content: bytes, origin: str) -> dict[str, list[str]]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _mismatch(origin, f"a RECORD that cannot be read: {error}") from None
    # Wheels made on Windows have had backslashes here, and `/` in the zip.
    return {posixpath.normpath(row[0].replace("\\", "/")): row for row in rows if row}


def _check_record(files: dict[str, Member], dist_info: str, record: dict[str, list[str]], origin: str) -> None:
    """Compare names and sizes; the content is known by the sha256 of the whole wheel.

    Of files that are named and not there only those that a program would load are missed: some projects strip their
    sources out of finished wheels (ddtrace does), others name directories, and pip and uv install all of them.
    """
    own = {f"{dist_info}/{name}" for name in ("RECORD", *_SIGNATURES)}
    if extra := sorted(files.keys() - record.keys() - own):
        raise _mismatch(origin, f"files that it does not name: {_list(extra)}")
    if missing := sorted(name for name in record.keys() - files.keys() - own if _LOADED.search(name)):
        raise _mismatch(origin, f"no file for: {_list(missing)}")
    for name, row in record.items():
        size = row[2] if len(row) > 2 else ""
        if size and name in files and name not in own and size != str(files[name].size_bytes):
            raise _mismatch(origin, f"`{name}` with {files[name].size_bytes} bytes instead of {size}")


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"`{name}`" if name.isprintable() else ascii(name) for name in names[:_SHOWN]) + more


def _mismatch(origin: str, observed: str) -> Refused:
    return Refused(
        f"the wheel of {origin} does not match its RECORD",
        detail=f"observed: {observed}\nexpected: RECORD names every file of the wheel with its size",
        hint="do not use that release, or make the wheel again",
    )


def _broken(origin: str, error: OrchestratorError) -> Refused:
    return Refused(f"the wheel of {origin} cannot be read", detail=error.detail, hint="make or download it again")
