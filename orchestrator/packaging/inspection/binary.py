"""Recognising machine code by the first bytes of a file."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEAD_BYTES = 64
_MACHO = {b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"}
_FAT = {b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"}
# A Java class has the magic of a fat Mach-O; where it has its version (45 or more), Mach-O counts architectures.
_FIRST_JAVA_VERSION = 45
_MACHINES = {3: "i386", 40: "arm (32 bit)", 62: "x86_64", 183: "aarch64", 243: "riscv", 247: "bpf", 21: "ppc64"}


@dataclass(frozen=True)
class Elf:
    """The header of an ELF file: 32 or 64 bits, byte order, machine."""

    bits: int
    little_endian: bool
    machine: int

    def __str__(self) -> str:
        order = "little" if self.little_endian else "big"
        return f"ELF {self.bits}-bit {order}-endian {_MACHINES.get(self.machine, f'machine {self.machine}')}"


def elf(head: bytes) -> Elf | None:
    """Return the ELF header in the first bytes of a file, or None (System V ABI, "ELF header")."""
    if not head.startswith(b"\x7fELF") or len(head) < 20:
        return None
    little = head[5] == 1
    (machine,) = struct.unpack_from("<H" if little else ">H", head, 18)
    return Elf({1: 32, 2: 64}.get(head[4], 0), little, machine)


def foreign_format(head: bytes) -> str:
    """Name the system whose machine code this is, or nothing: `Windows (PE)` or `macOS (Mach-O)`."""
    if head.startswith(b"MZ") and len(head) >= HEAD_BYTES:
        (offset,) = struct.unpack_from("<I", head, 0x3C)
        # A PE header lies shortly behind the DOS stub; text that begins with "MZ" gives no such number.
        return "Windows (PE)" if 0 < offset < 0x1000 else ""
    if head[:4] in _MACHO:
        return "macOS (Mach-O)"
    if head[:4] in _FAT and len(head) >= 8 and int.from_bytes(head[4:8], "big") < _FIRST_JAVA_VERSION:
        return "macOS (Mach-O)"
    return ""
