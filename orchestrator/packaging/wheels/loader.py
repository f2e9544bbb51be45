"""Finding a library as the dynamic loader of this machine would (ld.so(8))."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from orchestrator.errors import MachineryError
from orchestrator.packaging.inspection.elf import Elf, parse
from orchestrator.packaging.process import clean_environment, run

_CACHED = re.compile(r"^\s*(?P<name>\S+) \((?P<kind>[^)]*)\) => (?P<path>/.+)$", re.MULTILINE)
_DEFAULT = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib64", "/usr/local/lib")


def find_library(name: str, asking: Elf, home: Path | None, environment: Mapping[str, str]) -> tuple[Path, Elf] | None:
    """Return the library `name` that `asking` would get here, or None.

    `home` is the directory of the file that asks (for `$ORIGIN`), if it has one on this disk. The order is that of
    the loader: the file's own search path, LD_LIBRARY_PATH, the cache, the system's directories. LIBRARY_PATH, where
    the linker looked, comes before the cache: what was linked is what is meant.
    """
    for candidate in _candidates(name, asking, home, environment):
        elf = _elf(candidate)
        if elf and (elf.machine, elf.bits) == (asking.machine, asking.bits):
            return candidate, elf
    return None


def _candidates(name: str, asking: Elf, home: Path | None, environment: Mapping[str, str]) -> Iterator[Path]:
    for folder in _expanded(asking.search_path, home):
        yield folder / name
    for variable in ("LD_LIBRARY_PATH", "LIBRARY_PATH"):
        for text in environment.get(variable, "").split(os.pathsep):
            if text:
                yield Path(text) / name
    yield from (Path(path) for path in _cache().get(name, ()))
    for text in _DEFAULT:
        yield Path(text) / name
        # Debian's directory of one architecture, where a machine has no cache.
        yield from Path(text).glob(f"*-linux-gnu/{name}")


def _expanded(search_path: Iterable[str], home: Path | None) -> Iterator[Path]:
    for text in search_path:
        if "$ORIGIN" in text or "${ORIGIN}" in text:
            if home is None:
                continue
            text = text.replace("${ORIGIN}", str(home)).replace("$ORIGIN", str(home))
        if text.startswith("/"):
            yield Path(text)


def _elf(path: Path) -> Elf | None:
    try:
        return parse(path.read_bytes()) if path.is_file() else None
    except OSError:
        return None


@cache
def _cache() -> dict[str, tuple[str, ...]]:
    """Return what `ldconfig -p` lists; where there is none, the directories have to do."""
    program = shutil.which("ldconfig", path=f"{os.environ.get('PATH', os.defpath)}:/sbin:/usr/sbin")
    found: dict[str, tuple[str, ...]] = {}
    if program is None:
        return found
    try:
        listed = run([program, "-p"], environment=clean_environment({"LC_ALL": "C"}), timeout_seconds=60).output
    except MachineryError:
        return found
    for entry in _CACHED.finditer(listed):
        found[entry["name"]] = (*found.get(entry["name"], ()), entry["path"])
    return found
