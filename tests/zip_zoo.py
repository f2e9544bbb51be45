"""Zips that want to harm whoever reads or unpacks them, byte by byte."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache

HANDLER = b"def handler(event, context):\n    return 'ok'\n"
GIGABYTES = 8 * 10**9


@cache
def _packed(content: bytes) -> tuple[bytes, int]:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush(), zlib.crc32(content)


def entry(
    name: bytes, content: bytes = HANDLER, *, mode: int = 0o100644, flags: int = 0x0800, size: int | None = None
) -> tuple[bytes, bytes]:
    """Return a deflated member as its local part (header and content), and its entry without the last offset."""
    packed, crc = _packed(content)
    length = len(content) if size is None else size
    shared = struct.pack("<HHHHIIIHH", flags, 8, 0, 0x5A21, crc, len(packed), length, len(name), 0)
    local = b"PK\x03\x04" + struct.pack("<H", 20) + shared + name + packed
    central = b"PK\x01\x02" + struct.pack("<BBH", 20, 3, 20) + shared + struct.pack("<HHHI", 0, 0, 0, mode << 16)
    return local, central + struct.pack("<I", 0) + name


def archive(*entries: tuple[bytes, bytes], shared: bool = False, comment: bytes = b"") -> bytes:
    """Put members together; `shared` lets all entries of the directory point to the first content."""
    body, directory = b"", b""
    for local, central in entries:
        offset = 0 if shared else len(body)
        directory += central[:42] + struct.pack("<I", offset) + central[46:]
        body += local if not (shared and body) else b""
    count = len(entries)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), len(comment))
    return body + directory + end + comment


GOOD = archive(entry(b"handler.py"), entry("données/été.txt".encode(), b"x"))


def _named(*names: bytes | str, mode: int = 0o100644) -> bytes:
    raw = [name.encode() if isinstance(name, str) else name for name in names]
    return archive(entry(b"handler.py"), *(entry(name, b"evil", mode=mode) for name in raw))


def _changed(find: bytes, at: int, layout: str, value: int) -> bytes:
    content = bytearray(GOOD)
    struct.pack_into(layout, content, content.index(find) + at, value)
    return bytes(content)


def _both(local: int, central: int, layout: str, value: int) -> bytes:
    content = bytearray(GOOD)
    struct.pack_into(layout, content, local, value)
    struct.pack_into(layout, content, content.index(b"PK\x01\x02") + central, value)
    return bytes(content)


def _bomb(count: int, each_bytes: int) -> bytes:
    content = bytes(each_bytes)
    return archive(*(entry(f"{number}.bin".encode(), content) for number in range(count)))


def _quoted_overlap() -> bytes:
    """Return CVE-2024-0450: each member holds the header of the next one as a stored block, and then its content."""
    local, at = entry(b"z", bytes(1_000_000))[0], {b"z": 0}
    for name in (b"c", b"b", b"a"):
        header = local[:31]
        block = b"\x00" + struct.pack("<HH", len(header), 0xFFFF ^ len(header)) + header + local[31:]
        fields = (20, 0, 8, 0, 0, 0, len(block), 1_000_031, 1, 0)
        local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *fields) + name + block
        at = {other: offset + 31 + 5 for other, offset in at.items()} | {name: 0}
    directory = b"".join(
        b"PK\x01\x02" + struct.pack("<H", 20) + local[offset + 4 : offset + 30] + bytes(10)
        + struct.pack("<I", offset) + name
        for name, offset in sorted(at.items())
    )  # fmt: skip
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(at), len(at), len(directory), len(local), 0)
    return local + directory + end


def _other_method(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as packed:
        packed.writestr("handler.py", HANDLER * 100)
    return buffer.getvalue()


def _zip64(size: int) -> bytes:
    """Return a member whose real sizes stand in a ZIP64 field, and are a lie."""
    local, central = entry(b"handler.py")
    field = struct.pack("<HHQQ", 1, 16, size, len(local) - 40)
    central = central[:20] + b"\xff" * 8 + central[28:30] + struct.pack("<H", len(field)) + central[32:] + field
    return archive((local, central))


# What must be refused, whoever vouches for it.
HARMFUL: Mapping[str, Callable[[], bytes]] = {
    "leaves the package": lambda: _named("../evil.py"),
    "leaves the package in the middle": lambda: _named("a/../../evil.py"),
    "absolute": lambda: _named("/etc/cron.d/evil"),
    "drive letter": lambda: _named("C:/evil.py"),
    "drive letter without slash": lambda: _named("c:evil.py"),
    "network share": lambda: _named("//server/share/evil.py"),
    "backslash": lambda: _named("..\\evil.py"),
    "NUL": lambda: _named(b"handler.py\0.txt"),
    "terminal escapes": lambda: _named("\x1b[2Jevil.py"),
    "no UTF-8": lambda: _named(b"\xff\xfe"),
    "empty name": lambda: _named(b""),
    "dot": lambda: _named("./evil.py"),
    "longer than a name may be": lambda: _named("x" * 300),
    "symbolic link": lambda: _named("link", mode=0o120777),
    "link to a folder above": lambda: archive(entry(b"a", b"../..", mode=0o120777), entry(b"a/evil.py")),
    "device": lambda: _named("null", mode=0o020666),
    "block device": lambda: _named("disk", mode=0o060660),
    "pipe": lambda: _named("pipe", mode=0o010666),
    "socket": lambda: _named("socket", mode=0o140777),
    "set-uid program without a mode for others": lambda: _named("su", mode=0o104700),
    "twice": lambda: _named("handler.py"),
    "twice but for case": lambda: _named("Handler.py"),
    "twice but for case in a folder": lambda: _named("a/ß.py", "A/SS.py"),
    "twice but for composition": lambda: _named("\u00e9.py", "e\u0301.py"),
    "file and folder": lambda: _named("a", "a/b"),
    "overlapping": lambda: archive(entry(b"a"), entry(b"a"), shared=True),
    "quoted overlap": _quoted_overlap,
    "bomb": lambda: _bomb(5, 53_000_000),
    "bomb that says it is small": lambda: archive(entry(b"x", bytes(5_000_000), size=10)),
    "small file that says it is huge": lambda: archive(entry(b"x", b"x", size=2**32 - 2)),
    "64-bit size that is a lie": lambda: _zip64(GIGABYTES),
    "64-bit size that is missing": lambda: _both(22, 24, "<I", 0xFFFFFFFF),
    "another name in the local header": lambda: _changed(b"PK\x03\x04", 30, "<B", ord("H")),
    "another size in the local header": lambda: _changed(b"PK\x03\x04", 22, "<I", 1),
    "another method in the local header": lambda: _changed(b"PK\x03\x04", 8, "<H", 0),
    "an offset elsewhere": lambda: _changed(b"PK\x01\x02", 42, "<I", 7),
    "bytes before": lambda: b"#!/bin/sh\nrm -rf /\n" + GOOD,
    "a program before": lambda: b"\x7fELF" + bytes(60) + GOOD,
    "bytes behind": lambda: GOOD + b"evil",
    "another zip behind": lambda: GOOD + GOOD,
    "a comment that is a second end": lambda: archive(entry(b"handler.py"), comment=GOOD[-22:]),
    "encrypted": lambda: _both(6, 8, "<H", 0x0801),
    "encrypted in the directory only": lambda: _changed(b"PK\x01\x02", 8, "<H", 0x0801),
    "bzip2": lambda: _other_method(zipfile.ZIP_BZIP2),
    "lzma": lambda: _other_method(zipfile.ZIP_LZMA),
    "wrong checksum": lambda: _both(14, 16, "<I", 1),
    "cut off": lambda: GOOD[:-1],
    "without its beginning": lambda: GOOD[7:],
    "no files": lambda: archive(),
    "one byte": lambda: b"P",
    "a page": lambda: b"<html>504</html>",
    "tar": lambda: b"handler.py".ljust(257, b"\0") + b"ustar\x0000" + bytes(1024),
}
