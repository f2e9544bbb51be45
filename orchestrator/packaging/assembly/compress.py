"""Compressing what was not compressed by whoever made the wheel: libdeflate at one level, two files at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import deflate

from orchestrator.packaging.assembly.entries import Entry, InWheel
from orchestrator.packaging.zip_directory import DEFLATED, STORED

# Smaller than `zip -6` makes it, in a third of the time; 12 takes ten times as long for 3 % (docs/assembly.md).
LEVEL = 6
_THREADS = 2
# What may be in memory at once, besides one file that is larger than that. Half as much, and one thread would often
# have to wait for the large file that the other one is busy with.
_AHEAD_BYTES = 64 * 1024 * 1024


class Packed(NamedTuple):
    """A file as it stands in the zip; `data` is None for what is copied out of a wheel."""

    entry: Entry
    method: int
    crc: int
    size_bytes: int
    data: bytes | bytearray | None


def compressor() -> str:
    """Name what shapes the compressed bytes, for records: another version may give other bytes."""
    return f"libdeflate via deflate {deflate.__version__}, level {LEVEL}"


def packed(entries: Iterable[Entry]) -> Generator[Packed, None, None]:
    """Yield the entries in their order; only a bounded part of their content is in memory at any time.

    Raises what reading them raises.
    """
    waiting: deque[tuple[Packed | Future[Packed], int]] = deque()
    ahead = 0
    with ThreadPoolExecutor(_THREADS) as threads:
        try:
            for entry in entries:
                size = 0 if is_copied(entry) else entry.size_bytes
                while waiting and ahead and ahead + size > _AHEAD_BYTES:
                    done, freed = waiting.popleft()
                    ahead -= freed
                    yield _result(done)
                ready = _copied(entry) if is_copied(entry) else threads.submit(_compressed, entry)
                waiting.append((ready, size))
                ahead += size
            while waiting:
                yield _result(waiting.popleft()[0])
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def is_copied(entry: Entry) -> bool:
    """Whether the compressed bytes of the wheel are taken as they are: all but empty and stored members."""
    return isinstance(entry.content, InWheel) and entry.content.member.method == DEFLATED and entry.size_bytes > 0


def _result(done: Packed | Future[Packed]) -> Packed:
    return done.result() if isinstance(done, Future) else done


def _copied(entry: Entry) -> Packed:
    assert isinstance(entry.content, InWheel)  # noqa: S101 - says is_copied
    member = entry.content.member
    return Packed(entry, member.method, member.crc, member.compressed_bytes, None)


def _compressed(entry: Entry) -> Packed:
    content = entry.content.read()
    crc = deflate.crc32(content)
    smaller = deflate.deflate_compress(content, LEVEL) if content else content
    if len(smaller) >= len(content):
        return Packed(entry, STORED, crc, len(content), content)
    return Packed(entry, DEFLATED, crc, len(smaller), smaller)
