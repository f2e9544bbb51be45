"""Reading zips strictly: one that two programs could read differently is not read at all."""

from __future__ import annotations

import mmap
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import deflate

from orchestrator.errors import Refused
from orchestrator.packaging.zip_end import UnreadableZip, locate

STORED, DEFLATED = 0, 8
_ENCRYPTED, _UTF8 = 0x0001, 0x0800
_DESCRIPTOR = 0x0008
_CENTRAL, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_CENTRAL_HEADER = struct.Struct("<4sBBHHHHHIIIHHHHHII")
_LOCAL_HEADER = struct.Struct("<4sHHHHHIIIHH")
_MISSING = 0xFFFFFFFF
_ZIP64_EXTRA, _UNICODE_PATH_EXTRA = 0x0001, 0x7075


class UnreadableMember(Refused):
    """One member cannot be read: damaged, encrypted, packed in an unknown way, or its size is a lie."""

    def __init__(self, name: str, observed: str, expected: str) -> None:
        super().__init__(
            f"`{name}` in the zip cannot be read",
            detail=f"observed: {observed}\nexpected: {expected}",
            hint="make or download the zip again",
        )
        self.observed = observed
        self.expected = expected


class Member(NamedTuple):
    """One entry of the central directory. Sizes in bytes; a tuple, because there are thousands of them.

    `mode` are the upper 16 bits of the external attributes, whatever `create_system` says (3 is Unix, 0 is Windows).
    `header_offset` is where the local header begins, `data_offset` where the compressed bytes begin. `modified` is
    the MS-DOS date, shifted left by 16, and time: a local time of nobody knows which zone, to two seconds.
    """

    name: str
    method: int
    crc: int
    compressed_bytes: int
    size_bytes: int
    mode: int
    is_symlink: bool
    flags: int
    header_offset: int
    data_offset: int
    create_system: int
    modified: int

    @property
    def is_directory(self) -> bool:
        """Whether this is the entry of a directory (APPNOTE 4.4.17: its name ends in a slash)."""
        return self.name.endswith("/")

    @property
    def is_encrypted(self) -> bool:
        """Whether the content needs a password."""
        return bool(self.flags & _ENCRYPTED)


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """Give the bytes of a file without reading it into memory; raises OSError, UnreadableZip for an empty file."""
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            raise UnreadableZip("an empty file")
        # Not closed but forgotten: the frames of an exception may still hold pieces of it, which forbids closing.
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def read_directory(content: bytes | memoryview | mmap.mmap) -> tuple[Member, ...]:
    """Return the members in the order of the central directory.

    Raises UnreadableZip if the end record, the central directory and the local headers do not describe one and the
    same thing: bytes before, behind or between them that some readers would take for members, overlapping members,
    two end records, headers that differ. Encrypted members and duplicate names are returned.
    Source of the format: APPNOTE.TXT 6.3.10 of PKWARE.
    """
    with memoryview(content) as view:
        end = locate(view)
        members = []
        position = end.directory_offset
        for _ in range(end.entries):
            member, position = _entry(view, position, end.record_offset)
            members.append(member)
        if position != end.record_offset:
            raise UnreadableZip("bytes in the central directory that belong to no member")
        _refuse_overlaps(view, members, end.directory_offset)
        return tuple(members)


def read_member(content: memoryview, member: Member) -> bytearray | memoryview:
    """Return the content of a member, CRC checked; stored members are views of `content`.

    Raises UnreadableMember. Allocates `member.size_bytes`, which the caller has to have found acceptable.
    """
    raw = content[member.data_offset : member.data_offset + member.compressed_bytes]
    if member.is_encrypted:
        raise UnreadableMember(member.name, "an encrypted member", "one that needs no password")
    if member.method == STORED:
        unpacked: bytearray | memoryview = raw
    elif member.method == DEFLATED:
        unpacked = _inflate(raw, member)
    else:
        raise UnreadableMember(member.name, f"compression method {member.method}", "stored (0) or deflated (8)")
    if len(unpacked) != member.size_bytes:
        raise UnreadableMember(member.name, f"{len(unpacked)} bytes", f"{member.size_bytes} bytes, as its entry says")
    if deflate.crc32(unpacked) != member.crc:
        raise UnreadableMember(member.name, "a wrong checksum", f"CRC-32 {member.crc:08x}, as its entry says")
    return unpacked


def _inflate(raw: memoryview, member: Member) -> bytearray:
    try:
        # Asked for nothing, `deflate` would not look at the input.
        content: bytearray = deflate.deflate_decompress(raw, max(member.size_bytes, 1))
    except deflate.DeflateError:
        raise UnreadableMember(
            member.name, "damaged content, or more of it than its entry says", f"{member.size_bytes} bytes"
        ) from None
    return content


def _entry(view: memoryview, position: int, stop: int) -> tuple[Member, int]:
    """Read one entry of the central directory and compare its local header."""
    if position + _CENTRAL_HEADER.size > stop:
        raise UnreadableZip("a central directory that ends within a member")
    # fmt: off
    (signature, _, system, _, flags, method, time, date, crc, compressed, size, name_length, extra_length,
     comment_length, _, _, external, offset) = _CENTRAL_HEADER.unpack_from(view, position)
    # fmt: on
    name_at = position + _CENTRAL_HEADER.size
    extra_at = name_at + name_length
    after = extra_at + extra_length + comment_length
    if signature != _CENTRAL or after > stop:
        raise UnreadableZip("a damaged central directory")
    raw_name = bytes(view[name_at:extra_at])
    if extra_length:
        extra = view[extra_at : extra_at + extra_length]
        size, compressed, offset = _zip64(extra, (size, compressed, offset))
        name = _unicode_path(extra, raw_name, flags) or _name(raw_name, flags)
    else:
        name = _name(raw_name, flags)
    data = _data_offset(view, offset, raw_name, (flags, method, crc, compressed, size))
    mode = external >> 16
    member = Member(
        name, method, crc, compressed, size, mode, stat.S_ISLNK(mode), flags, offset, data, system, date << 16 | time
    )  # fmt: skip
    return member, after


def _data_offset(view: memoryview, offset: int, raw_name: bytes, expected: tuple[int, int, int, int, int]) -> int:
    """Return where the content begins; raises UnreadableZip unless the local header says the same as the directory."""
    shown = raw_name.decode("utf-8", "replace")
    if offset + _LOCAL_HEADER.size > len(view):
        raise UnreadableZip(f"no content for `{shown}`")
    signature, _, flags, method, _, _, crc, compressed, size, name_length, extra_length = _LOCAL_HEADER.unpack_from(
        view, offset
    )
    name_at = offset + _LOCAL_HEADER.size
    data: int = name_at + name_length + extra_length
    if signature != _LOCAL or data > len(view):
        raise UnreadableZip(f"no content for `{shown}`")
    if extra_length and _MISSING in (compressed, size):
        size, compressed = _zip64(view[name_at + name_length : data], (size, compressed))
    same = view[name_at : name_at + name_length] == raw_name and method == expected[1]
    same = same and not (flags ^ expected[0]) & (_ENCRYPTED | _UTF8)
    sizes = (crc, compressed, size)
    # With a data descriptor behind the content the local header need not know them yet (APPNOTE 4.3.5).
    pending = bool(flags & _DESCRIPTOR)
    same = same and all(a == b or (pending and a in (0, _MISSING)) for a, b in zip(sizes, expected[2:], strict=True))
    if not same:
        raise UnreadableZip(f"two headers of `{shown}` that contradict each other")
    return data


def _refuse_overlaps(view: memoryview, members: Sequence[Member], stop: int) -> None:
    """Refuse bytes that belong to two members (a bomb) or that hide a member from the directory."""
    position = 0
    if members and min(member.header_offset for member in members):
        raise UnreadableZip("bytes before the first member")
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < position:
            raise UnreadableZip(f"`{member.name}` overlaps another member")
        _refuse_hidden(view[position : member.header_offset])
        position = member.data_offset + member.compressed_bytes
    if position > stop:
        raise UnreadableZip("a member that reaches into the central directory")
    _refuse_hidden(view[position:stop])


def _refuse_hidden(gap: memoryview) -> None:
    if len(gap) >= _LOCAL_HEADER.size and _LOCAL in bytes(gap):
        raise UnreadableZip("a member that the central directory does not list")


def _zip64(extra: memoryview, values: tuple[int, ...]) -> tuple[int, ...]:
    """Replace what did not fit in 32 bits by the numbers of the ZIP64 field (APPNOTE 4.5.3), in their order."""
    if _MISSING not in values:
        return values
    field = _field(extra, _ZIP64_EXTRA)
    found = []
    for value in values:
        if value == _MISSING:
            if len(field) < 8:
                raise UnreadableZip("a member whose 64-bit size is missing")
            value, field = int.from_bytes(field[:8], "little"), field[8:]
        found.append(value)
    return tuple(found)


def _unicode_path(extra: memoryview, raw_name: bytes, flags: int) -> str:
    """Return the name of Info-ZIP's Unicode Path field (APPNOTE 4.6.9) if it belongs to this name."""
    field = b"" if flags & _UTF8 else _field(extra, _UNICODE_PATH_EXTRA)
    if len(field) < 6 or field[0] != 1 or int.from_bytes(field[1:5], "little") != deflate.crc32(raw_name):
        return ""
    return field[5:].decode("utf-8", "surrogateescape")


def _field(extra: memoryview, wanted: int) -> bytes:
    """Return one field of the extra data; what does not parse is padding, as every reader takes it."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == wanted:
            return bytes(extra[position + 4 : position + 4 + length])
        position += 4 + length
    return b""


def _name(raw_name: bytes, flags: int) -> str:
    # Undecodable names stay as they are, so that they can be shown and refused.
    return raw_name.decode("utf-8", "surrogateescape") if flags & _UTF8 else raw_name.decode("cp437")
