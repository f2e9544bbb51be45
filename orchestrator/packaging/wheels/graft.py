"""Grafting: a compiled wheel gets the libraries that the runtime does not promise, and says what it needs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from orchestrator.errors import BuildFailed, MachineryError
from orchestrator.packaging.inspection.elf import Elf, parse
from orchestrator.packaging.process import clean_environment, run
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.loader import find_library
from orchestrator.packaging.wheels.model import SystemLibrary
from orchestrator.packaging.wheels.needs import minimal_glibc, refuse_newer
from orchestrator.packaging.wheels.owner import owner_of
from orchestrator.packaging.wheels.wheel_file import Content, WheelFile, installed_name

_HASH_DIGITS = 8
_PATCH_SECONDS = 300


@dataclass(frozen=True)
class Shop:
    """What grafting works with: a scratch directory, the program `patchelf`, and the environment of the compiler."""

    directory: Path
    patchelf: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class _Found:
    """A library of this machine that goes into the wheel, and the name that it gets there."""

    path: Path
    content: bytes
    elf: Elf
    name: str


@dataclass
class _Closure:
    """Everything that the files of one wheel need, directly or through others; libraries by their soname."""

    within: frozenset[str]
    found: dict[str, _Found] = field(default_factory=dict)


def graft(wheel: WheelFile, target: Target, shop: Shop) -> tuple[WheelFile, tuple[SystemLibrary, ...]]:
    """Return the wheel complete and tagged with what it needs, and what was put into it.

    Raises BuildFailed for a library that is nowhere to be found, for code of another machine, and for code that
    needs a newer system than the runtime's; MachineryError if patchelf cannot work.
    """
    own = {name: elf for name, file in wheel.files.items() if (elf := _code(file.data)) is not None}
    if not own:
        return wheel, ()
    subject = f"{wheel.name} {wheel.version}"
    for name, elf in own.items():
        _refuse_foreign(name, elf, target, subject)
        refuse_newer(name, wheel.files[name].data, elf, target, subject)
    sonames = {elf.soname for elf in own.values() if elf.soname}
    closure = _Closure(frozenset(sonames | {PurePosixPath(name).name for name in own}))
    for name, elf in own.items():
        _follow(name, elf, None, closure, target, shop, subject)
    if closure.found:
        wheel = wheel.with_files(_grafted(wheel, own, closure.found, shop))
    every = [*own.values(), *(library.elf for library in closure.found.values())]
    level = minimal_glibc(every, floor=(2, 17))
    tagged = wheel.with_platform(f"manylinux_{level[0]}_{level[1]}_{target.machine}")
    owners = (owner_of(library.path, shop.environment) for library in closure.found.values())
    return tagged, tuple(sorted(owners, key=lambda library: library.name))


def _follow(
    name: str, elf: Elf, home: Path | None, closure: _Closure, target: Target, shop: Shop, subject: str
) -> None:
    """Find what one file needs, and what that needs in turn."""
    for needed in elf.needed:
        if needed in target.guaranteed or needed in closure.within or needed in closure.found:
            continue
        located = find_library(needed, elf, home, shop.environment)
        if located is None:
            raise BuildFailed(
                f"{subject} needs `{needed}`, which is nowhere on this machine",
                detail=f"observed: `{name}` asks for it\nexpected: in the library cache, or in LD_LIBRARY_PATH",
                hint="add the system package that has it to `system_packages:`",
            )
        path, library = located
        content = path.read_bytes()
        refuse_newer(path.name, content, library, target, subject, asked_by=name)
        closure.found[needed] = _Found(path, content, library, _grafted_name(needed, content))
        _follow(path.name, library, path.resolve().parent, closure, target, shop, subject)


def _code(content: bytes) -> Elf | None:
    """Return what a file says that the loader or a person may start; object files and GPU kernels are data."""
    elf = parse(content)
    return None if elf is None or elf.is_relocatable or elf.is_for_coprocessor else elf


def _refuse_foreign(name: str, elf: Elf, target: Target, subject: str) -> None:
    if (elf.machine, elf.bits) != (target.elf_machine, 64):
        raise BuildFailed(
            f"{subject} was compiled for another machine",
            detail=f"observed: {elf} in `{name}`\nexpected: code for {target}",
            hint="check `environment:` of the package for flags of a cross compiler",
        )


def _grafted_name(soname: str, content: bytes) -> str:
    """Return `libcurl-1a2b3c4d.so.4` for `libcurl.so.4`: two wheels may bring two builds of one library."""
    stem, dot, rest = soname.partition(".so")
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]}{dot}{rest}"


def _grafted(wheel: WheelFile, own: Iterable[str], found: Mapping[str, _Found], shop: Shop) -> dict[str, Content]:
    """Return the files of the wheel with every library added, and every reference changed to its new name."""
    folder = f"{wheel.name}.libs"
    files = dict(wheel.files)
    for library in found.values():
        arguments = ["--set-soname", library.name, "--force-rpath", "--set-rpath", "$ORIGIN"]
        arguments += _replacements(library.elf, found)
        files[f"{folder}/{library.name}"] = Content(_patched(library.content, arguments, shop), executable=True)
    for name in own:
        file = files[name]
        elf = parse(file.data)
        assert elf is not None  # noqa: S101 - `own` are the files that have been parsed
        replacements = _replacements(elf, found)
        if replacements:
            path = _search_path(elf, installed_name(name), folder)
            arguments = [*replacements, "--force-rpath", "--set-rpath", path]
            files[name] = Content(_patched(file.data, arguments, shop), file.executable)
    return files


def _replacements(elf: Elf, found: Mapping[str, _Found]) -> list[str]:
    pairs = [(needed, found[needed].name) for needed in elf.needed if needed in found]
    return [word for old, new in pairs for word in ("--replace-needed", old, new)]


def _search_path(elf: Elf, installed: str, folder: str) -> str:
    """Return where the file looks: what was relative to itself stays, paths of the build machine go."""
    up = os.path.relpath(folder, PurePosixPath(installed).parent)
    kept = [text for text in elf.search_path if text.startswith(("$ORIGIN", "${ORIGIN}"))]
    return ":".join(dict.fromkeys([*kept, f"$ORIGIN/{up}"]))


def _patched(content: bytes, arguments: list[str], shop: Shop) -> bytes:
    shop.directory.mkdir(parents=True, exist_ok=True)
    file = shop.directory / "patched.so"
    file.write_bytes(content)
    result = run([shop.patchelf, *arguments, file], environment=clean_environment(), timeout_seconds=_PATCH_SECONDS)
    if result.code:
        raise MachineryError("patchelf failed", detail=result.errors.strip()[-2000:], hint="report it with this line")
    return file.read_bytes()
