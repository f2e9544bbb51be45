"""Which symbols of an ELF file need a version: the part of the answer that tells a person where to look."""

from __future__ import annotations

import struct
from collections.abc import Collection
from contextlib import suppress

from orchestrator.packaging.inspection.elf_image import Damaged, Image, open_image

_HASH, _STRINGS, _SYMBOLS, _GNU_HASH, _VERSIONS = 4, 5, 6, 0x6FFFFEF5, 0x6FFFFFF0
_SYMBOL_BYTES = {32: 16, 64: 24}
_HIDDEN = 0x8000
_MOST_SYMBOLS = 262_144
_LONGEST_SYMBOL = 16_384  # mangled names of C++ are long


def symbols_of(
    content: bytes | bytearray | memoryview, indexes: Collection[int], most: int = 3
) -> dict[int, list[str]]:
    """Return up to `most` symbols for every version index (see `VersionNeed`).

    A file whose tables contradict each other gives fewer or none; nothing is raised.
    """
    found: dict[int, list[str]] = {index: [] for index in indexes}
    # The symbol only explains a finding, which stands without it.
    with suppress(Damaged):
        _search(open_image(content), found, most)
    return found


def _search(image: Image, found: dict[int, list[str]], most: int) -> None:
    symbols, strings, versions = (image.value(tag) for tag in (_SYMBOLS, _STRINGS, _VERSIONS))
    if symbols is None or strings is None or versions is None:
        return
    count = min(_count(image), _MOST_SYMBOLS)
    start = image.offset(versions, 2 * count)
    numbers = struct.unpack_from(f"{image.order}{count}H", image.content, start)
    for number, index in enumerate(numbers):
        names = found.get(index & ~_HIDDEN)
        if names is not None and len(names) < most:
            (name,) = image.unpack("I", symbols + number * _SYMBOL_BYTES[image.bits])
            names.append(image.text(strings + name, _LONGEST_SYMBOL))


def _count(image: Image) -> int:
    """Return how many symbols there are; only the hash tables tell (gabi "Hash Table"; binutils for the GNU one)."""
    address = image.value(_GNU_HASH)
    if address is not None:
        return _gnu_count(image, address)
    address = image.value(_HASH)
    return 0 if address is None else int(image.unpack("II", address)[1])


def _gnu_count(image: Image, address: int) -> int:
    """Find the end of the last chain. Symbols before `first` are in none: those that are undefined."""
    buckets, first, filters, _ = image.unpack("IIII", address)
    at = address + 16 + filters * image.bits // 8
    last = max(image.unpack(f"{min(buckets, _MOST_SYMBOLS)}I", at), default=0)
    if last < first:
        return int(first)
    chain = at + 4 * buckets
    while last < _MOST_SYMBOLS and not image.unpack("I", chain + 4 * (last - first))[0] & 1:
        last += 1
    return int(last) + 1
