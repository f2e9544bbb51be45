"""What an ELF file asks of the system that loads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.packaging.inspection.elf_image import MAGIC, MOST_ENTRIES, Damaged, Image, identity, open_image

# Tags of the dynamic section (gabi "Dynamic section"; glibc's elf.h for the GNU ones).
_NEEDED, _STRINGS, _SONAME, _RPATH, _RUNPATH = 1, 5, 14, 15, 29
_FLAGS_1, _VERSION_NEEDS = 0x6FFFFFFB, 0x6FFFFFFE
_POSITION_INDEPENDENT_PROGRAM = 0x08000000
_WEAK = 0x2
_RELOCATABLE, _PROGRAM = 1, 2
_MACHINES = {
    3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm (32 bit)", 62: "x86_64", 183: "aarch64",
    243: "riscv", 258: "loongarch",
}  # fmt: skip
# Code for other processors than the one that runs the function: BPF, CUDA, AMD GPUs, Hexagon. Data, for Lambda.
_COPROCESSORS = {164, 190, 224, 247}


@dataclass(frozen=True)
class VersionNeed:
    """A needed symbol version of a library; a weak one does not stop the loader. `index` is its number in the file."""

    library: str
    name: str
    weak: bool
    index: int = 0


@dataclass(frozen=True)
class Elf:
    """An ELF file as the loader sees it.

    `bits` is 0 where the file says neither 32 nor 64. `search_path` is RUNPATH, else RPATH; `inherited` tells that it
    is an RPATH, which also serves the libraries that this one needs. `damage` says why no loader takes the file;
    then only the first three are to be relied on.
    """

    machine: int
    bits: int
    little_endian: bool
    soname: str | None = None
    needed: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    versions: tuple[VersionNeed, ...] = ()
    interpreter: str | None = None
    inherited: bool = False
    is_relocatable: bool = False
    is_program: bool = False
    damage: str = ""

    def __str__(self) -> str:
        order = "little" if self.little_endian else "big"
        return f"ELF {self.bits}-bit {order}-endian {self.processor}"

    @property
    def processor(self) -> str:
        """The machine in words, as far as they are known."""
        return _MACHINES.get(self.machine, f"machine {self.machine}")

    @property
    def is_for_coprocessor(self) -> bool:
        """Whether this is no code for a central processor, such as a GPU kernel."""
        return self.machine in _COPROCESSORS


def parse(content: bytes | bytearray | memoryview) -> Elf | None:
    """Return what an ELF file says, None for anything else. Never raises, whatever the bytes."""
    if bytes(content[:4]) != MAGIC:
        return None
    bits, order, kind, machine = identity(content)
    try:
        return _elf(open_image(content))
    except Damaged as error:
        return Elf(machine, bits, order == "<", is_relocatable=kind == _RELOCATABLE, damage=str(error))


def _elf(image: Image) -> Elf:
    strings = image.value(_STRINGS) or 0
    path = image.value(_RUNPATH)
    inherited = path is None and image.value(_RPATH) is not None
    if path is None:
        path = image.value(_RPATH)
    soname = image.value(_SONAME)
    flags = image.value(_FLAGS_1) or 0
    return Elf(
        machine=image.machine,
        bits=image.bits,
        little_endian=image.order == "<",
        soname=None if soname is None else image.text(strings + soname),
        needed=tuple(image.text(strings + offset) for offset in image.dynamic.get(_NEEDED, ())),
        search_path=() if path is None else tuple(image.text(strings + path, longest=65_536).split(":")),
        versions=tuple(version_needs(image)),
        interpreter=image.interpreter,
        inherited=inherited,
        is_relocatable=image.type == _RELOCATABLE,
        is_program=image.type == _PROGRAM
        or bool(flags & _POSITION_INDEPENDENT_PROGRAM)
        or image.interpreter is not None,
    )


def version_needs(image: Image) -> Iterator[VersionNeed]:
    """Yield the needed versions (LSB Core, "Symbol version requirements"); raises Damaged."""
    address = image.value(_VERSION_NEEDS)
    strings = image.value(_STRINGS) or 0
    left = MOST_ENTRIES
    while address is not None and left > 0:
        _, count, file, first, following = image.unpack("HHIII", address)
        library = image.text(strings + file)
        position = address + first
        for _ in range(count):
            left -= 1
            _, flags, index, name, step = image.unpack("IHHII", position)
            yield VersionNeed(library, image.text(strings + name), bool(flags & _WEAK), index)
            position += step
            if not step:
                break
        address = address + following if following else None
        left -= 1
