"""What the machine code of a zip needs of a system, whichever system that is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.packaging.inspection.distributions import Distributions
from orchestrator.packaging.inspection.filesystem import FileSystem
from orchestrator.packaging.inspection.loading import Loader
from orchestrator.packaging.inspection.native import check_native
from orchestrator.packaging.inspection.open_zip import open_zip
from orchestrator.packaging.inspection.versions import version_number
from orchestrator.packaging.runtimes import Target, Version


@dataclass(frozen=True)
class NativeFacts:
    """The oldest glibc that has every needed version (None: none is needed), and the libraries from outside.

    `glibc` leaves out weak needs, because they do not stop the loader; `glibc_with_weak` counts them.
    """

    glibc: Version | None
    glibc_with_weak: Version | None
    external: frozenset[str]


def native_facts(package: Path, target: Target) -> NativeFacts:
    """Read a zip or wheel and sum up the ELF files in it that this target can load.

    External is what the loader would not take from the zip, however common it is. Raises UnreadableZip and OSError.
    """
    opened = open_zip(package, target)
    fitting = check_native(opened.contents, Distributions(), target).fitting
    files = FileSystem(opened.part("", fitting), [])
    external = {need.library for need in Loader(files, target).load_all() if need.provider not in files.elves}
    numbers = [
        (known[1], need.weak)
        for elf in fitting.values()
        for need in elf.versions
        if (known := version_number(need.name)) and known[0] == "GLIBC"
    ]
    return NativeFacts(
        glibc=max((number for number, weak in numbers if not weak), default=None),
        glibc_with_weak=max((number for number, _ in numbers), default=None),
        external=frozenset(external),
    )
