"""A verdict for every package of a lock: wheel, compile or impossible, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockSelectError,
)
from packaging.utils import NormalizedName
from packaging.version import Version

from orchestrator.errors import ConfigurationError, Refused
from orchestrator.packaging.lock import reasons
from orchestrator.packaging.lock.credentials import public
from orchestrator.packaging.lock.document import file_path
from orchestrator.packaging.lock.model import LockedFile, LockedSource, PlannedPackage, Verdict
from orchestrator.packaging.lock.target_tags import (
    described,
    is_for_linux,
    marker_environment,
    target_tags,
    wheel_rank,
)
from orchestrator.packaging.runtimes import Target

if TYPE_CHECKING:
    from orchestrator.packaging.lock.evidence import Evidence

_File = PackageWheel | PackageSdist | PackageArchive


@dataclass(frozen=True)
class Judging:
    """What is known apart from the lock itself.

    `evidence_of` asks the index and may return None. `from_source` and `wheels_only` tell what the user wants of a
    project, `pure` names those whose fallback is wanted, `fallbacks` those that are one although the lock does not
    show it. `tree` is what the paths of the lock are relative to.
    """

    target: Target
    tree: Path
    evidence_of: Callable[[str], Evidence | None]
    from_source: Callable[[str], bool] = lambda _name: False
    wheels_only: Callable[[str], bool] = lambda _name: False
    pure: Collection[str] = ()
    fallbacks: Mapping[str, Version] = field(default_factory=dict)

    def packages(self, lock: Pylock) -> tuple[PlannedPackage, ...]:
        """Return the verdicts sorted by name; raises ConfigurationError if a name is chosen twice."""
        planned: dict[str, PlannedPackage] = {}
        for package in lock.packages:
            verdict = self._package(package, lock)
            if verdict is None:
                continue
            if verdict.name in planned:
                raise ConfigurationError(
                    f"the lock has `{verdict.name}` twice for {self.target}",
                    detail=f"observed: {planned[verdict.name]} and {verdict}",
                    hint="write the lock anew with your lock tool",
                )
            planned[verdict.name] = verdict
        return tuple(planned[name] for name in sorted(planned))

    def _package(self, package: Package, lock: Pylock) -> PlannedPackage | None:
        """Select from a lock with this one package, so that every package gets a verdict, not only the first."""
        single = Pylock(
            lock_version=lock.lock_version,
            created_by=lock.created_by,
            default_groups=lock.default_groups,
            packages=[package],
        )
        environment = marker_environment(self.target)
        version = str(package.version or "")
        try:
            selected = list(
                single.select(
                    environment=environment,
                    tags=target_tags(self.target),
                    prefer_sdist_predicate=lambda name: self._prefers_source(name, package),
                )
            )
        except PylockSelectError as error:
            return PlannedPackage(package.name, version, Verdict.IMPOSSIBLE, self._unselectable(package, error))
        if not selected:
            return None
        chosen = selected[0][1]
        if isinstance(chosen, (PackageVcs, PackageDirectory)):
            return self._source(package, chosen)
        if isinstance(chosen, PackageArchive):
            return self._archive(package, chosen)
        return self._file(package, chosen)

    def _prefers_source(self, name: NormalizedName, package: Package) -> bool:
        return self.from_source(name) or self._is_fallback(package)

    def _is_fallback(self, package: Package) -> bool:
        """Tell whether the best wheel is pure, while others of the same version are compiled for some Linux."""
        if package.name in self.pure:
            return False
        names = [wheel.filename for wheel in package.wheels or ()]
        ranked = [(rank, name) for name in names if (rank := wheel_rank(name, self.target)) is not None]
        others = any(map(is_for_linux, names))
        shown = bool(ranked) and min(ranked)[1].endswith("-none-any.whl") and others
        return shown or package.name in self.fallbacks

    def _file(self, package: Package, chosen: PackageWheel | PackageSdist) -> PlannedPackage:
        version = str(package.version or "")
        fallback = self._is_fallback(package)
        file, fault = self._locked(chosen)
        if fault:
            return PlannedPackage(package.name, version, Verdict.IMPOSSIBLE, fault)
        if isinstance(chosen, PackageWheel):
            if fallback:
                said = reasons.of_fallback(package.name, Version(version), has_sdist=False)
                return PlannedPackage(package.name, version, Verdict.IMPOSSIBLE, said)
            return PlannedPackage(package.name, version, Verdict.WHEEL, reasons.of_wheel(chosen.filename), file)
        # A lock may list the source distribution alone, as ours does for what is compiled in place of its fallback.
        fallback = fallback or self._gives_way(package)
        reason = self._why_compile(package, fallback=fallback)
        if self.wheels_only(package.name):
            return PlannedPackage(
                package.name, version, Verdict.IMPOSSIBLE, f"`--only-binary` asks for a wheel, and there is {reason}"
            )
        return PlannedPackage(package.name, version, Verdict.COMPILE, reason, file, fallback=fallback)

    def _gives_way(self, package: Package) -> bool:
        if package.version is None or package.name in self.pure or self.from_source(package.name):
            return False
        evidence = self.evidence_of(package.name)
        return evidence is not None and evidence.is_fallback(package.version)

    def _why_compile(self, package: Package, *, fallback: bool) -> str:
        if fallback and package.version:
            return reasons.of_fallback(package.name, package.version, has_sdist=True)
        if self.from_source(package.name):
            return "`--no-binary` asks to compile it"
        return reasons.of_compile(package.name, package.version, self.evidence_of(package.name), self.target)

    def _archive(self, package: Package, archive: PackageArchive) -> PlannedPackage:
        """Judge a file that is required by its path or URL."""
        file, fault = self._locked(archive)
        version = str(package.version or "")
        if fault or file is None:
            return PlannedPackage(package.name, version, Verdict.IMPOSSIBLE, fault)
        if not file.name.endswith(".whl"):
            source = LockedSource(url=file.url, subdirectory=archive.subdirectory) if archive.subdirectory else None
            said = f"{file.name} is required by its {'path' if file.path else 'URL'}, and no wheel"
            return PlannedPackage(package.name, version, Verdict.COMPILE, said, file, source)
        if wheel_rank(file.name, self.target) is None:
            said = f"{file.name} is not for {described(self.target)}"
            return PlannedPackage(package.name, version, Verdict.IMPOSSIBLE, said)
        return PlannedPackage(package.name, version, Verdict.WHEEL, reasons.of_wheel(file.name), file)

    def _source(self, package: Package, chosen: PackageVcs | PackageDirectory) -> PlannedPackage:
        version = str(package.version or "")
        if isinstance(chosen, PackageDirectory):
            directory = self.tree / chosen.path
            source = LockedSource(directory=directory, subdirectory=chosen.subdirectory or "")
            reason = f"the directory `{chosen.path}` of the repository"
            return PlannedPackage(package.name, version, Verdict.COMPILE, reason, source=source)
        source = LockedSource(
            url=public(chosen.url or chosen.path or ""),
            vcs=chosen.type,
            commit=chosen.commit_id,
            subdirectory=chosen.subdirectory or "",
        )
        reason = f"{chosen.type} commit {chosen.commit_id} of {source.url}"
        return PlannedPackage(package.name, version, Verdict.COMPILE, reason, source=source)

    def _unselectable(self, package: Package, error: PylockSelectError) -> str:
        python = package.requires_python
        if python and not python.contains(marker_environment(self.target)["python_full_version"]):
            version = self.target.python_version
            return f"{package.name} {package.version} requires Python {python}, the target has {version}"
        offered = sorted({reasons.platform_words(wheel.filename) for wheel in package.wheels or ()})
        if not offered:
            return str(error)
        return reasons.of_missing(package.name, str(package.version or ""), offered, self.target)

    def _locked(self, chosen: _File) -> tuple[LockedFile | None, str]:
        """Return the file, or why it cannot be used."""
        name = chosen.filename if not isinstance(chosen, PackageArchive) else _archive_name(chosen)
        if not name or "/" in name or "\\" in name or name.startswith(".") or "\0" in name:
            raise Refused("the lock holds a file name that is none", detail=f"observed: {name!r}", hint="correct it")
        sha256 = chosen.hashes.get("sha256", "")
        if not sha256:
            return None, f"the lock has no sha256 of {name}"
        path = self.tree / chosen.path if chosen.path else file_path(chosen.url or "")
        url = None if path else public(chosen.url or "")
        return LockedFile(name, sha256.lower(), url, path, chosen.size), ""


def _archive_name(archive: PackageArchive) -> str:
    return (archive.path or unquote(urlsplit(archive.url or "").path)).rpartition("/")[2]
