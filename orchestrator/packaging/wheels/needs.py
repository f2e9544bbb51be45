"""What machine code needs of the system's libraries, and whether the runtime has it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.errors import BuildFailed
from orchestrator.packaging.inspection.elf import Elf
from orchestrator.packaging.inspection.elf_symbols import symbols_of
from orchestrator.packaging.runtimes import Target, Version, version_of

_NUMBERED = re.compile(r"(?P<family>[A-Z]+)_(?P<version>[0-9]+(?:\.[0-9]+)*)")
# This name says no number; glibc got it with 2.36.
_UNNUMBERED = {"GLIBC_ABI_DT_RELR": ("GLIBC", (2, 36))}


def refuse_newer(name: str, content: bytes, elf: Elf, target: Target, subject: str, *, asked_by: str = "") -> None:
    """Raise BuildFailed if the code needs a symbol version that the runtime's libraries do not have.

    `asked_by` is the file that needs this one, if it is a library of the build machine.
    Weak needs do not keep a file from loading (ELF gABI, VER_FLG_WEAK).
    """
    for need in elf.versions:
        asked = _parsed(need.name)
        newest = target.runtime.versions.get(asked[0]) if asked else None
        if need.weak or asked is None or newest is None or asked[1] <= newest:
            continue
        symbols = ", ".join(symbols_of(content, {need.index})[need.index])
        raise BuildFailed(
            f"{subject}: `{name}` was compiled for a newer system than {target.runtime.name} has",
            detail=f"observed: it needs {need.name} of `{need.library}`{f' for {symbols}' if symbols else ''}\n"
            f"expected: {asked[0]} {'.'.join(map(str, newest))} or older ({target.runtime.system})"
            + (f"\nneeded by: `{asked_by}`" if asked_by else ""),
            hint=f"build on an image of {target.runtime.system} (`build.image`), or choose a newer runtime",
        )


def minimal_glibc(elfs: Iterable[Elf], floor: Version) -> Version:
    """Return the oldest C library that has all that the files need, at least `floor`."""
    asked = (_parsed(need.name) for elf in elfs for need in elf.versions if not need.weak)
    levels = (need[1][:2] for need in asked if need and need[0] == "GLIBC")
    return max([floor, *levels])


def _parsed(name: str) -> tuple[str, Version] | None:
    if name in _UNNUMBERED:
        return _UNNUMBERED[name]
    found = _NUMBERED.fullmatch(name)
    return (found["family"], version_of(found["version"])) if found else None
