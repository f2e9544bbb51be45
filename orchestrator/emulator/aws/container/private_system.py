"""The system that a build may change: a folder of its own, where AWS gives it a whole container."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.emulator.aws.container import private_apt

# Managers that can only change the machine itself; apt-get can be told other folders.
_REFUSED = ("dnf", "microdnf", "yum", "zypper", "apk", "pacman")
_LIBRARIES = ("usr/lib", "lib")


@dataclass(frozen=True)
class PrivateSystem:
    """The folder of one build's system; it goes with the build."""

    folder: Path

    @property
    def root(self) -> Path:
        """Where packages are unpacked."""
        return self.folder / "root"

    @property
    def programs(self) -> Path:
        """What comes first on the build's PATH."""
        return self.folder / "bin"

    def create(self, path: str) -> None:
        """Put programs in front of those that would change the machine; `path` is where the machine's are."""
        self.programs.mkdir(parents=True, exist_ok=True)
        real = shutil.which("apt-get", path=path)
        if real and shutil.which("dpkg-deb", path=path):
            words = [sys.executable, "-I", private_apt.__file__, str(self.folder), real]
            self.add("apt-get", f'exec {shlex.join(words)} "$@"')
            self._add_query(shutil.which("dpkg-query", path=path))
        for name in _REFUSED:
            if shutil.which(name, path=path):
                said = f"the emulator has no {name}: it would change this machine, which is not permitted"
                self.add(name, f"echo {shlex.quote(said)} >&2\nexit 1")

    def add(self, name: str, script: str) -> None:
        """Put a shell script on the build's PATH."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def add_python(self, python: Path, version: str) -> None:
        """Make `python` the build's `python3`, with the pip that it has."""
        word = shlex.quote(str(python))
        for name in ("python", "python3", f"python{version}"):
            self.add(name, f'exec {word} "$@"')
        for name in ("pip", "pip3"):
            self.add(name, f'exec {word} -m pip "$@"')

    def _add_query(self, real: str | None) -> None:
        """Let `dpkg-query` know the build's packages as well, and their files by the names that they have here."""
        if real is None:
            return
        database = self.folder / "dpkg"
        self.add(
            "dpkg-query",
            f"unset LD_LIBRARY_PATH\n"
            f'[ -d {shlex.quote(str(database))} ] || exec {shlex.quote(real)} "$@"\n'
            f'for word in "$@"; do shift; set -- "$@" "${{word#{shlex.quote(str(self.root))}}}"; done\n'
            f'exec {shlex.quote(real)} --admindir={shlex.quote(str(database))} "$@"',
        )

    def path(self, path: str, system: str) -> str:
        """Return `path` with this system's programs: our own first, those of packages before the machine's."""
        folders, own = path.split(os.pathsep), str(self.root / "usr/bin")
        position = next((at for at, folder in enumerate(folders) if folder in system.split(os.pathsep)), len(folders))
        return os.pathsep.join([str(self.programs), *folders[:position], own, *folders[position:]])

    def variables(self) -> Mapping[str, str]:
        """Return the variables with which compilers, linkers and loaders find what packages brought."""
        triplet = getattr(sys.implementation, "_multiarch", f"{os.uname().machine}-linux-gnu")
        include = [self.root / "usr/include", self.root / "usr/include" / triplet]
        libraries = [self.root / folder / part for folder in _LIBRARIES for part in (triplet, "")]
        modules = [self.root / "usr/lib" / triplet / "pkgconfig", self.root / "usr/share/pkgconfig"]
        return {
            "CPATH": _joined(include),
            "LIBRARY_PATH": _joined(libraries),
            "LD_LIBRARY_PATH": _joined(libraries),
            "PKG_CONFIG_PATH": _joined(modules),
        }


def _joined(folders: list[Path]) -> str:
    return os.pathsep.join(map(str, folders))
