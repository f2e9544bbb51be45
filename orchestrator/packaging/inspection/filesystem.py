"""Where the files of a function and its layers end up in Lambda, and what a loader finds there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from orchestrator.packaging.inspection.elf import Elf

FUNCTION, LAYER = "/var/task", "/opt"
# What Lambda unpacks for functions out of layers (docs: "Packaging your layer content"); a zip of nothing else is one.
_LAYER_DIRECTORIES = {"bin", "extensions", "java", "lib", "nodejs", "python", "ruby"}
_MOST_LINKS = 40  # as Linux follows


class Part(NamedTuple):
    """One zip: what to call it (empty: the package itself), its loadable ELF files and its links, by name."""

    label: str
    names: tuple[str, ...]
    elves: Mapping[str, Elf]
    links: Mapping[str, str]


class FileSystem:
    """The ELF files of all zips by their absolute paths; of two layers, the later one replaces files of the other."""

    def __init__(self, package: Part, layers: Iterable[Part]) -> None:
        self.elves: dict[str, Elf] = {}
        self.shown: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self.of_package: list[str] = []
        for part in (*layers, package):
            base = mount_point(part.names) if part is package else LAYER
            for name, elf in part.elves.items():
                path = f"{base}/{name}"
                self.elves[path] = elf
                self.shown[path] = f"{part.label}:{name}" if part.label else name
                if part is package:
                    self.of_package.append(path)
            for name, target in part.links.items():
                path = f"{base}/{name}"
                self._links[path] = posixpath.join(posixpath.dirname(path), target)

    def find(self, path: str) -> str | None:
        """Return the path of the ELF file that this path leads to, or None."""
        path = posixpath.normpath(path)
        for _ in range(_MOST_LINKS):
            if path in self.elves:
                return path
            if not self._links or (following := self._follow(path)) is None:
                return None
            path = following
        return None

    def _follow(self, path: str) -> str | None:
        """Return the path with its first link replaced; the link may be a directory on the way."""
        parts = path.split("/")
        for end in range(2, len(parts) + 1):
            target = self._links.get("/".join(parts[:end]))
            if target is not None:
                return posixpath.normpath("/".join([target, *parts[end:]]))
        return None


def mount_point(names: Iterable[str]) -> str:
    """Return where a zip is unpacked: `/opt` if it can only be a layer, else `/var/task`."""
    tops = {name.partition("/")[0] if "/" in name else name + "!" for name in names}
    return LAYER if tops and tops <= _LAYER_DIRECTORIES else FUNCTION
