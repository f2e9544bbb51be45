"""Writing the zip: names and contents in, the same bytes out, wherever and whenever it is done."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import BuildFailed
from orchestrator.packaging.assembly.compress import Packed, packed
from orchestrator.packaging.assembly.entries import Entry, InWheel
from orchestrator.packaging.files import unwritable

# APPNOTE.TXT 6.3.10: 4.3.7 local header, 4.3.12 central directory, 4.3.16 end of it.
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_NEEDED = 20  # 4.4.3.2: deflate
_MADE_BY = 3 << 8 | _NEEDED  # 4.4.2.2: Unix
_UTF8 = 0x0800  # 4.4.4, bit 11
_TIME, _DATE = 0, 1 << 5 | 1  # 1980-01-01 00:00, the earliest there is
_FILE, _PROGRAM = 0o100644 << 16, 0o100755 << 16
_ENTRIES_LIMIT = 0xFFFF
_BUFFER_BYTES = 256 * 1024
# What file systems and devices say that cannot set space aside (posix_fallocate(3)).
_NO_RESERVING = {errno.EINVAL, errno.ENODEV, errno.EOPNOTSUPP, errno.ESPIPE}


def write_zip(entries: Sequence[Entry], target: Path) -> None:
    """Write `entries` in their order to `target`, which appears only when it is whole.

    1980-01-01, modes 644 and 755, made by Unix, no extra fields, no data descriptors, no entries for directories.
    Raises BuildFailed for more files than a zip without ZIP64 can hold, MachineryError if it cannot be written.
    """
    if len(entries) > _ENTRIES_LIMIT:
        raise BuildFailed(
            "the package has too many files",
            detail=f"observed: {len(entries)}, expected: at most {_ENTRIES_LIMIT}",
            hint="leave files out with `exclude:`",
        )
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb", buffering=0) as file:
            _reserve(file, sum(_copied_bytes(entry) for entry in entries))
            output = _Output(file)
            _write(entries, output)
            file.truncate(output.position)
        part.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _reserve(file: BinaryIO, size_bytes: int) -> None:
    """Set space aside for what is copied, so that a full disk shows before the work.

    It also takes work from the end: ext4 looks for space when a finished file replaces an earlier one, and takes longer
    for that than for the copy.
    """
    try:
        if size_bytes:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
    except OSError as error:
        if error.errno not in _NO_RESERVING:
            raise


def _copied_bytes(entry: Entry) -> int:
    return entry.content.member.compressed_bytes if isinstance(entry.content, InWheel) else 0


class _Output:
    """A file that is written in large pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = bytearray()
        self.position = 0

    def write(self, content: bytes | bytearray | memoryview) -> None:
        self.position += len(content)
        if len(self._buffer) + len(content) > _BUFFER_BYTES:
            self.flush()
        if len(content) > _BUFFER_BYTES:
            self._put(content)
        else:
            self._buffer += content

    def flush(self) -> None:
        self._put(self._buffer)
        self._buffer.clear()

    def _put(self, content: bytes | bytearray | memoryview) -> None:
        with memoryview(content) as rest:
            position = 0
            while position < len(rest):
                with rest[position:] as piece:
                    # Unbuffered files may take less than they are given, such as the last bytes that a disk has.
                    position += self._file.write(piece)


def _write(entries: Sequence[Entry], output: _Output) -> None:
    directory = bytearray()
    with closing(packed(entries)) as files:
        for file in files:
            directory += _add(file, output)
    start, size = output.position, len(directory)
    output.write(directory)
    output.write(_END.pack(b"PK\x05\x06", 0, 0, len(entries), len(entries), size, start, 0))
    output.flush()


def _add(file: Packed, output: _Output) -> bytes:
    """Write one file and return its entry of the central directory."""
    entry, offset = file.entry, output.position
    name = entry.name.encode()
    flags = 0 if entry.name.isascii() else _UTF8
    # fmt: off
    same = (_NEEDED, flags, file.method, _TIME, _DATE, file.crc, file.size_bytes, entry.size_bytes, len(name), 0)
    output.write(_LOCAL.pack(b"PK\x03\x04", *same) + name)
    if file.data is not None:
        output.write(file.data)
    else:
        _copy(entry, output)
    attributes = _PROGRAM if entry.executable else _FILE
    return _CENTRAL.pack(b"PK\x01\x02", _MADE_BY, *same, 0, 0, 0, attributes, offset) + name
    # fmt: on


def _copy(entry: Entry, output: _Output) -> None:
    """Copy the compressed bytes of a wheel's member."""
    assert isinstance(entry.content, InWheel)  # noqa: S101 - only what lies in a wheel has no data of its own
    whole, member, _ = entry.content
    with whole[member.data_offset : member.data_offset + member.compressed_bytes] as data:
        output.write(data)
