"""What the files of a project say about one target: which wheel fits, which version is the newest that has one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from orchestrator.packaging.lock.target_tags import is_for_linux, wheel_rank
from orchestrator.packaging.runtimes import Target

if TYPE_CHECKING:
    from orchestrator.packaging.lock.index import IndexFile, Project


@dataclass(frozen=True)
class Evidence:
    """One project as the target sees it. `wanted` is what the requirements themselves allow, not their dependants."""

    project: Project
    target: Target
    wanted: SpecifierSet
    prereleases: bool = False

    @cached_property
    def allowed(self) -> tuple[Version, ...]:
        """The versions that may be taken, newest first; pre-releases only if asked for, or if there is nothing else."""
        pinned = any(part.operator in ("==", "===") for part in self.wanted)
        known = [
            version
            for version, files in self.project.releases.items()
            if pinned or not all(file.yanked for file in files)
        ]
        prereleases = True if self.prereleases or self.wanted.prereleases else None
        return tuple(sorted(self.wanted.filter(known, prereleases=prereleases), reverse=True))

    @property
    def newest(self) -> Version | None:
        """The newest version that may be taken."""
        return self.allowed[0] if self.allowed else None

    def for_python(self) -> Iterator[Version]:
        """Yield the allowed versions that have a file for the target's Python."""
        return (version for version in self.allowed if self.usable(version))

    def usable(self, version: Version) -> tuple[IndexFile, ...]:
        """Return the files of a version that do not ask for another Python."""
        return tuple(file for file in self.project.releases.get(version, ()) if self._fits_python(file))

    def wheel(self, version: Version) -> IndexFile | None:
        """Return the best wheel of a version that the target can load."""
        ranked = [
            (rank, file) for file in self.usable(version) if (rank := wheel_rank(file.name, self.target)) is not None
        ]
        return min(ranked, key=lambda item: item[0])[1] if ranked else None

    def sdist(self, version: Version) -> IndexFile | None:
        """Return the source distribution of a version; `.tar.gz` before anything else."""
        found = [file for file in self.usable(version) if not file.is_wheel]
        return min(found, key=lambda file: not file.name.endswith(".tar.gz")) if found else None

    def newest_with_wheel(self, *, compiled: bool = False) -> Version | None:
        """Return the newest allowed version with a wheel for the target; `compiled` leaves pure ones out."""
        for version in self.allowed:
            wheel = self.wheel(version)
            if wheel and not (compiled and wheel.is_pure):
                return version
        return None

    def is_fallback(self, version: Version) -> bool:
        """Tell whether the target would get a pure wheel of a release that is compiled for other Linux targets."""
        wheel = self.wheel(version)
        files = self.project.releases.get(version, ())
        return bool(wheel and wheel.is_pure) and any(is_for_linux(file.name) for file in files)

    def is_compiled_somewhere(self) -> bool:
        """Tell whether any version has a wheel for some platform only."""
        return any(file.is_wheel and not file.is_pure for files in self.project.releases.values() for file in files)

    def _fits_python(self, file: IndexFile) -> bool:
        try:
            return not file.requires_python or _specifier(file.requires_python).contains(
                f"{self.target.python_version}.0"
            )
        except InvalidSpecifier:
            return True


@cache
def _specifier(text: str) -> SpecifierSet:
    return SpecifierSet(text)
