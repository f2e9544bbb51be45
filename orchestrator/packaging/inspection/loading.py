"""How the loader of Amazon Linux would go about a package: every needed library, and where it would be found."""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from orchestrator.packaging.inspection.filesystem import FUNCTION, FileSystem
from orchestrator.packaging.runtimes import Target

SYSTEM = "the runtime"
# The part of LD_LIBRARY_PATH behind the runtime's own directories (/var/lang/lib:/lib64:/usr/lib64:/var/runtime:…),
# as the Dockerfiles of the Lambda base images set it.
_LIBRARY_PATH = ("/var/task", "/var/task/lib", "/opt/lib")
_SYSTEM_DIRECTORIES = {
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/var/lang/lib", "/var/runtime", "/var/runtime/lib",
}  # fmt: skip
# Loaded before any file of the package, so that no copy in the package is ever looked for.
_CORE = re.compile(r"(lib(c|m|dl|pthread|rt|util|resolv|anl)\.so\.[0-9]|ld-linux.*\.so\.[0-9])$")
_EXTENSION = re.compile(r"\.(cpython-[a-z0-9_-]+|abi3)\.so$|\.node$")


class Need(NamedTuple):
    """One needed library: who needs it, and who provides it (a path, `SYSTEM`, or None) when `root` is loaded."""

    path: str
    library: str
    provider: str | None
    root: str


class Loader:
    """The search of `ld.so`(8) of glibc: RPATH of the file and of those that loaded it, LD_LIBRARY_PATH, RUNPATH."""

    def __init__(self, files: FileSystem, target: Target) -> None:
        self._files = files
        self._target = target
        self._system = target.guaranteed | target.runtime.present
        self._directories: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], str | None] = {}

    def load_all(self) -> Iterator[Need]:
        """Load everything that a program may load by itself, each in a process of its own."""
        reached: set[str] = set()
        for root in self._roots():
            for need in self._load(root):
                reached.add(need.path)
                yield need
        # What only its own kind needs is loaded last, and alone.
        for path in self._files.of_package:
            if path not in reached and self._files.elves[path].needed:
                for need in self._load(path):
                    reached.add(need.path)
                    yield need

    def _roots(self) -> Iterator[str]:
        elves = self._files.elves
        wanted = {posixpath.basename(library) for elf in elves.values() for library in elf.needed}
        for path in self._files.of_package:
            name = posixpath.basename(path)
            if _EXTENSION.search(name) or not wanted & {name, elves[path].soname}:
                yield path

    def _load(self, root: str) -> Iterator[Need]:
        """Load one file and all it needs, breadth first, as glibc does."""
        loaded_by: dict[str, str | None] = {root: None}
        provided: dict[str, str | None] = {}
        queue = deque([root])
        while queue:
            path = queue.popleft()
            for library in self._files.elves[path].needed:
                if library not in provided:
                    provided[library] = self._provider(library, path, loaded_by)
                provider = provided[library]
                yield Need(path, library, provider, root)
                if provider not in (None, SYSTEM) and provider not in loaded_by:
                    loaded_by[provider] = path
                    queue.append(provider)
                    if soname := self._files.elves[provider].soname:
                        provided.setdefault(soname, provider)

    def _provider(self, library: str, path: str, loaded_by: dict[str, str | None]) -> str | None:
        if _CORE.fullmatch(library) and library in self._system:
            return SYSTEM
        own = self._search_path(path)
        elf = self._files.elves[path]
        if "/" in library:
            expanded = _expanded(library, path, self._target)
            return self._files.find(posixpath.join(FUNCTION, expanded))
        if elf.search_path and not elf.inherited:
            return self._searched(library, (), own)
        rpath = list(own)
        above = loaded_by[path]
        while above is not None:
            if self._files.elves[above].inherited:
                rpath += self._search_path(above)
            above = loaded_by[above]
        return self._searched(library, tuple(rpath), ())

    def _searched(self, library: str, rpath: tuple[str, ...], runpath: tuple[str, ...]) -> str | None:
        key = (library, rpath, runpath)
        if key not in self._found:
            self._found[key] = self._search(*key)
        return self._found[key]

    def _search(self, library: str, rpath: tuple[str, ...], runpath: tuple[str, ...]) -> str | None:
        """Return the first hit; the runtime's directories come before those of the package in LD_LIBRARY_PATH."""
        if found := self._first(library, rpath):
            return found
        if library in self._system:
            return SYSTEM
        return self._first(library, (*_LIBRARY_PATH, *runpath))

    def _first(self, library: str, directories: Iterable[str]) -> str | None:
        for directory in directories:
            if found := self._files.find(f"{directory}/{library}"):
                return found
            if directory in _SYSTEM_DIRECTORIES and library in self._system:
                return SYSTEM
        return None

    def _search_path(self, path: str) -> tuple[str, ...]:
        if path not in self._directories:
            entries = self._files.elves[path].search_path
            self._directories[path] = tuple(
                posixpath.normpath(posixpath.join(FUNCTION, _expanded(entry, path, self._target))) for entry in entries
            )
        return self._directories[path]


def _expanded(text: str, path: str, target: Target) -> str:
    """Return a search path without its tokens (ld.so(8), "Dynamic string tokens")."""
    if "$" not in text:
        return text
    values = {"ORIGIN": posixpath.dirname(path), "LIB": "lib64", "PLATFORM": target.machine}
    return re.sub(r"\$(?:\{(\w+)\}|(ORIGIN|LIB|PLATFORM))", lambda match: values.get(match[1] or match[2], ""), text)


def providers_of(files: FileSystem, library: str) -> list[str]:
    """Return the paths of files that could be meant by a library that nothing finds."""
    return [path for path, elf in files.elves.items() if posixpath.basename(path) == library or elf.soname == library]
