"""Machine code of other systems, told by structure and not by the first bytes alone."""

from __future__ import annotations

import struct

WINDOWS, MACOS = "Windows (PE)", "macOS (Mach-O)"
_THIN = {b"\xfe\xed\xfa\xce": ">", b"\xfe\xed\xfa\xcf": ">", b"\xce\xfa\xed\xfe": "<", b"\xcf\xfa\xed\xfe": "<"}
_FAT = {b"\xca\xfe\xba\xbe": (">", 20), b"\xca\xfe\xba\xbf": (">", 32), b"\xbe\xba\xfe\xca": ("<", 20)}
_FAT |= {b"\xbf\xba\xfe\xca": ("<", 32)}
# mach/machine.h and loader.h: kinds of Mach-O files are numbered from 1 (object) to 12 (file set).
_MACHO_KINDS = range(1, 13)
# A Java class has the magic of a fat file; where that counts architectures, it has its version, 45 or more.
_MOST_ARCHITECTURES = 44
_CLR_DIRECTORY = 14
_NAMES = {".pyd": WINDOWS, ".dll": WINDOWS, ".dylib": MACOS}


def foreign_system(name: str, content: bytes | bytearray | memoryview) -> str:
    """Name the system that a file is machine code for, or nothing.

    Assemblies of .NET have the form of Windows programs and run anywhere, so they are not foreign. A file that
    calls itself `.pyd`, `.dll` or `.dylib` is taken at its word.
    """
    head = bytes(content[:4])
    if head[:2] == b"MZ":
        kind = _portable_executable(content)
        if kind:
            return "" if kind == "managed" else WINDOWS
    if head in _THIN and _thin(content, _THIN[head]):
        return MACOS
    if head in _FAT and _fat(content, *_FAT[head]):
        return MACOS
    return next((system for suffix, system in _NAMES.items() if name.lower().endswith(suffix)), "")


def _portable_executable(content: bytes | bytearray | memoryview) -> str:
    """Return `native` or `managed` for a PE file (Microsoft, "PE Format"), nothing for text that begins with MZ."""
    if len(content) < 64:
        return ""
    (offset,) = struct.unpack_from("<I", content, 0x3C)
    optional = offset + 24
    if bytes(content[offset : offset + 4]) != b"PE\0\0" or optional + 2 > len(content):
        return ""
    (magic,) = struct.unpack_from("<H", content, optional)
    directories = optional + {0x10B: 96, 0x20B: 112}.get(magic, 0)
    clr = directories + 8 * _CLR_DIRECTORY
    if directories == optional or clr + 8 > len(content):
        return "native"
    (count,) = struct.unpack_from("<I", content, directories - 4)
    (address,) = struct.unpack_from("<I", content, clr)
    return "managed" if count > _CLR_DIRECTORY and address else "native"


def _thin(content: bytes | bytearray | memoryview, order: str) -> bool:
    if len(content) < 28:
        return False
    return bool(struct.unpack_from(f"{order}I", content, 12)[0] in _MACHO_KINDS)


def _fat(content: bytes | bytearray | memoryview, order: str, each: int) -> bool:
    if len(content) < 8:
        return False
    (count,) = struct.unpack_from(f"{order}I", content, 4)
    return bool(0 < count <= _MOST_ARCHITECTURES and 8 + count * each <= len(content))
