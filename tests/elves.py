"""ELF files made to measure: as much of one as a loader reads, and no section headers."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

ARM64, X86_64 = 183, 62
_BASE = 0x10000

# For each library its versions, and for each version whether it is weak and which symbols need it.
Versions = Mapping[str, Mapping[str, tuple[bool, Sequence[str]]]]


def elf(
    machine: int = ARM64,
    bits: int = 64,
    order: str = "<",
    *,
    kind: int = 3,
    needed: Sequence[str] = (),
    soname: str | None = None,
    rpath: str | None = None,
    runpath: str | None = None,
    versions: Versions | None = None,
    interpreter: str | None = None,
) -> bytes:
    """Return a file that asks for exactly this."""
    word = "I" if bits == 32 else "Q"
    strings, at = _strings([*needed, soname, rpath, runpath, *_names(versions or {})])
    symbols, numbers, needs, count = _versions(versions or {}, at, bits, order)
    interpreting = (interpreter or "").encode() + b"\0"
    head = (52 if bits == 32 else 64) + 3 * (32 if bits == 32 else 56)
    parts = [strings, symbols, numbers, needs, struct.pack(order + "5I", 1, len(numbers) // 2, 0, 0, 0), interpreting]
    places = []
    for part in parts:
        head += -head % 8
        places.append(head)
        head += len(part)
    head += -head % 8
    tags = [(1, at[name]) for name in needed]
    tags += [(tag, at[text]) for tag, text in ((14, soname), (15, rpath), (29, runpath)) if text is not None]
    tags += [(5, _BASE + places[0]), (6, _BASE + places[1]), (0x6FFFFEF5, _BASE + places[4])]
    if versions:
        tags += [(0x6FFFFFF0, _BASE + places[2]), (0x6FFFFFFE, _BASE + places[3]), (0x6FFFFFFF, count)]
    dynamic = b"".join(struct.pack(order + 2 * word, tag, value) for tag, value in [*tags, (0, 0)])
    body = bytearray(head)
    for place, part in zip(places, parts, strict=True):
        body[place : place + len(part)] = part
    body += dynamic
    segments = [(1, 0, len(body)), (2, head, len(dynamic))]
    segments += [(3, places[5], len(interpreting))] if interpreter else []
    begin = _header(machine, bits, order, kind, segments)
    body[: len(begin)] = begin
    return bytes(body)


def _header(machine: int, bits: int, order: str, kind: int, segments: Sequence[tuple[int, int, int]]) -> bytes:
    identity = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + b"\0" * 9
    if bits == 32:
        header = struct.pack(order + "HHIIIIIHHHHHH", kind, machine, 1, 0, 52, 0, 0, 52, 32, len(segments), 0, 0, 0)
        rows = [struct.pack(order + "8I", t, o, _BASE + o, 0, size, size, 0, 0) for t, o, size in segments]
    else:
        header = struct.pack(order + "HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
        rows = [struct.pack(order + "IIQQQQQQ", t, 0, o, _BASE + o, 0, size, size, 0) for t, o, size in segments]
    return identity + header + b"".join(rows)


def _names(versions: Versions) -> list[str]:
    found = []
    for library, needs in versions.items():
        found.append(library)
        for name, (_, symbols) in needs.items():
            found += [name, *symbols]
    return found


def _strings(texts: Sequence[str | None]) -> tuple[bytes, dict[str, int]]:
    table, at = b"\0", {"": 0}
    for text in texts:
        if text is not None and text not in at:
            at[text] = len(table)
            table += text.encode() + b"\0"
    return table, at


def _versions(versions: Versions, at: Mapping[str, int], bits: int, order: str) -> tuple[bytes, bytes, bytes, int]:
    """Return the symbol table, the version of each symbol, the needed versions, and for how many libraries."""
    blank = b"\0" * (16 if bits == 32 else 24)
    symbols, numbers, needs, index = blank, struct.pack(order + "H", 0), b"", 2
    for position, (library, wanted) in enumerate(versions.items()):
        following = 0 if position == len(versions) - 1 else 16 * (1 + len(wanted))
        needs += struct.pack(order + "HHIII", 1, len(wanted), at[library], 16, following)
        for place, (name, (weak, names)) in enumerate(wanted.items()):
            step = 0 if place == len(wanted) - 1 else 16
            needs += struct.pack(order + "IHHII", 0, 2 if weak else 0, index, at[name], step)
            for symbol in names:
                symbols += struct.pack(order + "I", at[symbol]) + blank[4:]
                numbers += struct.pack(order + "H", index)
            index += 1
    return symbols, numbers, needs, len(versions)
