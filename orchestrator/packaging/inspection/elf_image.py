"""The bytes of an ELF file as the loader sees them: by program headers and addresses, never by sections."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MAGIC = b"\x7fELF"
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
# e_type, e_machine, e_version, e_entry, e_phoff, e_shoff, e_flags, e_ehsize, e_phentsize, e_phnum (gabi, "ELF header")
_HEADERS = {32: "HHIIIIIHHH", 64: "HHIQQQIHHH"}
_PROGRAM_HEADERS = {32: "IIIIIIII", 64: "IIQQQQQQ"}
_DYNAMIC_ENTRIES = {32: "iI", 64: "qQ"}
# More than any real file has; a hostile one may claim billions.
MOST_ENTRIES = 16_384
_LONGEST_NAME = 1024


class Damaged(Exception):
    """The file contradicts itself or ends too early, so that no loader takes it."""


class Segment(NamedTuple):
    """A part of the file and the address where it is mapped."""

    offset: int
    address: int
    size_bytes: int


@dataclass(frozen=True)
class Image:
    """A 32 or 64 bit ELF file of either byte order. `dynamic` maps tags to their values, in order."""

    content: bytes | bytearray | memoryview
    bits: int
    order: str
    type: int
    machine: int
    segments: tuple[Segment, ...] = ()
    interpreter: str | None = None
    dynamic: dict[int, list[int]] = field(default_factory=dict)

    def unpack(self, layout: str, address: int) -> tuple[Any, ...]:
        """Return the numbers at an address; raises Damaged where the file has none."""
        structure = struct.Struct(self.order + layout)
        return structure.unpack_from(self.content, self.offset(address, structure.size))

    def offset(self, address: int, size_bytes: int) -> int:
        """Return where in the file so many bytes of an address are; raises Damaged if they are nowhere."""
        for segment in self.segments:
            inside = address - segment.address
            if inside >= 0 and inside + size_bytes <= segment.size_bytes:
                return segment.offset + inside
        raise Damaged(f"address {address:#x} that is not in the file")

    def value(self, tag: int) -> int | None:
        """Return the last value of a dynamic tag, as the loader takes it."""
        values = self.dynamic.get(tag)
        return values[-1] if values else None

    def text(self, address: int, longest: int = _LONGEST_NAME) -> str:
        """Return the string that ends with a zero byte; what is no UTF-8 is shown escaped."""
        start = self.offset(address, 1)
        raw = bytes(self.content[start : start + longest])
        end = raw.find(b"\0")
        if end < 0:
            raise Damaged("a name without an end")
        return raw[:end].decode("utf-8", "backslashreplace")


def open_image(content: bytes | bytearray | memoryview) -> Image:
    """Return the image of bytes that begin with `MAGIC`; raises Damaged.

    Sources: gabi (System V ABI), "Program header" and "Dynamic section". Only what the loader reads is read, so files
    without section headers are as good as any.
    """
    if len(content) < 20:
        raise Damaged("a file that ends within its header")
    bits = {1: 32, 2: 64}.get(content[4], 0)
    order = "<" if content[5] != 2 else ">"
    kind, machine = struct.unpack_from(order + "HH", content, 16)
    bare = Image(content, bits, order, kind, machine)
    if not bits or content[5] not in (1, 2):
        return bare
    segments, dynamic_at, interpreter = _segments(bare)
    mapped = Image(content, bits, order, kind, machine, segments, interpreter)
    return Image(content, bits, order, kind, machine, segments, interpreter, _dynamic(mapped, dynamic_at))


def identity(content: bytes | bytearray | memoryview) -> tuple[int, str, int, int]:
    """Return bits (0: neither 32 nor 64), byte order, type and machine, as far as the bytes go."""
    raw = bytes(content[:20]).ljust(20, b"\0")
    order = "<" if raw[5] != 2 else ">"
    kind, machine = struct.unpack_from(order + "HH", raw, 16)
    return {1: 32, 2: 64}.get(raw[4], 0), order, kind, machine


def _segments(image: Image) -> tuple[tuple[Segment, ...], Segment | None, str | None]:
    """Return what is mapped, where the dynamic section is, and the interpreter's path."""
    layout = struct.Struct(image.order + _HEADERS[image.bits])
    if len(image.content) < 16 + layout.size:
        raise Damaged("a file that ends within its header")
    *_, table, _, _, _, each, count = layout.unpack_from(image.content, 16)
    loads: list[Segment] = []
    dynamic, interpreter = None, None
    for kind, segment in _program_headers(image, table, each, count):
        if kind == _LOAD:
            loads.append(segment)
        elif kind == _DYNAMIC:
            dynamic = segment
        elif kind == _INTERPRETER:
            raw = bytes(image.content[segment.offset : segment.offset + min(segment.size_bytes, _LONGEST_NAME)])
            interpreter = raw.partition(b"\0")[0].decode("utf-8", "backslashreplace")
    return tuple(loads), dynamic, interpreter


def _program_headers(image: Image, table: int, each: int, count: int) -> Iterator[tuple[int, Segment]]:
    layout = struct.Struct(image.order + _PROGRAM_HEADERS[image.bits])
    if count and (each < layout.size or table + each * count > len(image.content)):
        raise Damaged("a file that ends within its program headers")
    for number in range(count):
        fields = layout.unpack_from(image.content, table + each * number)
        if image.bits == 64:
            kind, _, offset, address, _, size, _, _ = fields
        else:
            kind, offset, address, _, size, _, _, _ = fields
        if kind in (_LOAD, _INTERPRETER) and offset + size > len(image.content):
            raise Damaged(f"{len(image.content)} bytes of at least {offset + size}")
        yield kind, Segment(offset, address, size)


def _dynamic(image: Image, segment: Segment | None) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    if segment is None:
        return found
    layout = struct.Struct(image.order + _DYNAMIC_ENTRIES[image.bits])
    count = min(segment.size_bytes // layout.size, MOST_ENTRIES)
    start = image.offset(segment.address, count * layout.size)
    for tag, value in layout.iter_unpack(image.content[start : start + count * layout.size]):
        if tag == 0:
            break
        found.setdefault(tag, []).append(value)
    return found
