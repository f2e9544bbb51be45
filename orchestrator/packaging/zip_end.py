"""The end record of a zip, with which every reader begins: there must be exactly one that can be meant."""

from __future__ import annotations

import struct
from typing import NamedTuple

from orchestrator.errors import Refused

_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_RECORD = struct.Struct("<4sHHHHIIH")
_END64_RECORD = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR64_RECORD = struct.Struct("<4sIQI")
_LONGEST_COMMENT = 0xFFFF
_MISSING_16, _MISSING_32 = 0xFFFF, 0xFFFFFFFF


class UnreadableZip(Refused):
    """These bytes are no zip that every program reads alike. Who knows the name of the file adds it."""

    def __init__(self, observed: str, file: str = "") -> None:
        super().__init__(
            f"`{file}` is not a readable zip" if file else "not a readable zip",
            detail=f"observed: {observed}\nexpected: a zip that every program reads alike",
            hint="make or download it again",
        )
        self.observed = observed
        self.file = file


class End(NamedTuple):
    """Where the central directory begins, where the first record behind it begins, and how many entries it has."""

    directory_offset: int
    record_offset: int
    entries: int


def locate(view: memoryview) -> End:
    """Return the end of the zip; raises UnreadableZip unless one, at the end, fits the bytes before it.

    Readers search it from the end, from the front, or where its comment would have it end. A comment with a second
    record, bytes behind it and bytes before the first member are how one zip shows different files to each of them.
    """
    position = _position(view)
    _, disk, directory_disk, here, entries, size, offset, _ = _END_RECORD.unpack_from(view, position)
    if disk not in (0, _MISSING_16) or directory_disk not in (0, _MISSING_16) or here != entries:
        raise UnreadableZip("one part of a zip of several files")
    record = position
    large = _end64(view, position)
    if large is not None:
        known = zip((entries, size, offset), large[1:], (_MISSING_16, _MISSING_32, _MISSING_32), strict=True)
        if any(value not in (whole, missing) for value, whole, missing in known):
            raise UnreadableZip("two end records that contradict each other")
        record, entries, size, offset = large
    if offset + size != record:
        raise UnreadableZip("bytes before, within or behind the zip that do not belong to it")
    return End(offset, record, entries)


def _position(view: memoryview) -> int:
    first = max(0, len(view) - _END_RECORD.size - _LONGEST_COMMENT)
    tail = bytes(view[first:])
    fitting = []
    found = tail.find(_END)
    while found >= 0:
        comment = tail[found + 20 : found + 22]
        if len(comment) == 2 and found + _END_RECORD.size + int.from_bytes(comment, "little") == len(tail):
            fitting.append(first + found)
        found = tail.find(_END, found + 1)
    if not fitting:
        raise UnreadableZip("no end of a central directory where the file ends")
    if len(fitting) > 1:
        raise UnreadableZip("two ends of a central directory")
    return fitting[0]


def _end64(view: memoryview, end: int) -> tuple[int, int, int, int] | None:
    """Return the ZIP64 end record as (its offset, entries, size, offset of the directory), or None."""
    at = end - _LOCATOR64_RECORD.size
    if at < 0 or bytes(view[at : at + 4]) != _LOCATOR64:
        return None
    _, _, offset, _ = _LOCATOR64_RECORD.unpack_from(view, at)
    if offset + _END64_RECORD.size > at or bytes(view[offset : offset + 4]) != _END64:
        raise UnreadableZip("no ZIP64 end record where it should be")
    _, length, _, _, _, _, here, entries, size, directory = _END64_RECORD.unpack_from(view, offset)
    if offset + 12 + length != at or here != entries:
        raise UnreadableZip("a damaged ZIP64 end record")
    return offset, entries, size, directory
