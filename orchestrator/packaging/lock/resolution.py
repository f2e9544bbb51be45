"""From requirements to one exact version of each project: wheels wherever a version that is allowed has one.

What uv prints decides nothing. Its exit code says whether a set of rules can be satisfied, its result says what
has no wheel, and the index says whether another version has one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.version import Version

from orchestrator.packaging.lock import reasons
from orchestrator.packaging.lock.asking import Asking
from orchestrator.packaging.lock.document import Table, file_name_of
from orchestrator.packaging.lock.evidence import Evidence
from orchestrator.packaging.lock.placeholder import is_placeholder
from orchestrator.packaging.lock.target_tags import wheel_rank
from orchestrator.packaging.lock.uv_failures import failure
from orchestrator.packaging.runtimes import Target

_ROUNDS = 25
_ALL = frozenset({":all:"})
_NONE = frozenset[str]()


@dataclass
class Resolution:
    """One resolution for one target, and what was found out on the way.

    `impossible` gives reasons by name, `fallbacks` the versions that are only pure fallbacks here, `held` are the
    projects of which only wheels are taken. `pure` are those whose fallback the user wants.
    """

    asking: Asking
    pure: Collection[str]
    narrate: Callable[[str], None]
    impossible: dict[str, str] = field(default_factory=dict)
    fallbacks: dict[str, Version] = field(default_factory=dict)
    held: frozenset[str] = _NONE
    _judged: set[tuple[str, str]] = field(default_factory=set)
    _refused: set[str] = field(default_factory=set)

    def run(self) -> Table:
        """Return uv's lock; raises BuildFailed, MachineryError, ConfigurationError."""
        inputs = self.asking.inputs
        document = None
        if not inputs.unnamed and not inputs.from_source:
            self.held = _ALL
            document = self.asking.once(_ALL)
        if document is None:
            document = self._mixed()
        for _ in range(_ROUNDS):
            better = self._better(document)
            if better is None:
                break
            document = better
        versions = {package["name"]: str(package.get("version")) for package in document.get("packages", ())}
        self.fallbacks = {name: at for name, at in self.fallbacks.items() if versions.get(name) == str(at)}
        return document

    def _mixed(self) -> Table:
        """Resolve with source distributions allowed; what can never be had is put aside and remembered."""
        names = list(self.asking.wanted)
        if names:
            self.narrate(f"asking the index what has to be compiled for {self.asking.uv.target}")
        self.asking.index.projects(names)
        self._describe_pinned()
        first = frozenset(name for name in names if self._has_older_wheel(name))
        document = self._first_of(first, _NONE)
        if document is None:
            self.impossible = self._absent()
            self.asking.absent |= set(self.impossible)
            document = self._first_of(first - set(self.impossible), _NONE) if self.impossible else None
        if document is None:
            uv = self.asking.uv
            said = "".join(f"{reason}\n" for reason in self.impossible.values())
            raise failure(f"the requirements cannot be had for {uv.target}", said + self.asking.errors, uv)
        return document

    def _first_of(self, *choices: frozenset[str]) -> Table | None:
        """Return the first result among sets of names to hold to wheels."""
        for held in dict.fromkeys(choices):
            document = self.asking.patiently(held)
            if document is not None:
                self.held = held
                return document
        return None

    def _has_older_wheel(self, name: str) -> bool:
        """Tell whether the newest version has to be compiled, and an older one that is allowed, too, has not."""
        evidence = self.asking.evidence(name)
        if evidence is None or self.asking.inputs.compiles(name):
            return False
        newest = next(evidence.for_python(), None)
        return newest is not None and not evidence.wheel(newest) and evidence.newest_with_wheel() is not None

    def _describe_pinned(self) -> None:
        """Tell uv the metadata of what has no wheel at all; wheels for other targets it reads itself."""
        for name in self.asking.wanted:
            evidence = self.asking.evidence(name)
            newest = next(evidence.for_python(), None) if evidence else None
            if evidence and newest and not any(file.is_wheel for file in evidence.project.releases[newest]):
                self.asking.describe(name, newest)

    def _absent(self) -> dict[str, str]:
        target = self.asking.uv.target
        said = {name: reasons.of_absence(name, self.asking.evidence(name), target) for name in self.asking.wanted}
        return {name: reason for name, reason in said.items() if reason}

    def _better(self, document: Table) -> Table | None:
        """Return a result with more wheels, or better ones; None if there is none."""
        chosen = {package["name"]: package for package in document.get("packages", ()) if _from_index(package)}
        found = {
            name: best_wheel(package, self.asking.uv.target)
            for name, package in chosen.items()
            if (name, package["version"]) not in self._judged and name not in self._refused
        }
        bare = {name for name, wheel in found.items() if wheel is None}
        pure = sorted(name for name, wheel in found.items() if wheel and wheel.endswith("-none-any.whl"))
        self.asking.index.projects([*sorted(bare), *pure])
        self._judged |= {(name, chosen[name]["version"]) for name in found}
        wanting = frozenset(name for name in bare if self._could_have_wheel(name))
        better = self._hold(wanting) if wanting else None
        for name in pure:
            better = self._instead_of_fallback(name, Version(chosen[name]["version"]), better or document) or better
        return better

    def _could_have_wheel(self, name: str) -> bool:
        evidence = None if self.asking.inputs.compiles(name) else self.asking.evidence(name)
        return evidence is not None and evidence.newest_with_wheel() is not None

    def _hold(self, names: frozenset[str]) -> Table | None:
        """Hold as many of the names as possible to wheels."""
        document = self.asking.patiently(self.held | names)
        if document is not None:
            self.held |= names
            return document
        if len(names) == 1:
            self._refused |= names
            return None
        listed = sorted(names)
        for half in (listed[: len(listed) // 2], listed[len(listed) // 2 :]):
            document = self._hold(frozenset(half)) or document
        return document

    def _instead_of_fallback(self, name: str, version: Version, document: Table) -> Table | None:
        """Avoid a placeholder, and a pure wheel of what is compiled elsewhere; remember what cannot be avoided."""
        evidence = self.asking.evidence(name)
        if evidence is None or name in self.pure or version not in evidence.project.releases:
            return None
        if evidence.is_fallback(version):
            another = evidence.newest_with_wheel(compiled=True)
            better = self._without(name, version, document) if another else None
            if better is None:
                self.fallbacks[name] = version
            return better
        if not self._reserves_a_name(evidence, version):
            return None
        better = self._without(name, version, document)
        if better is None:
            self.impossible[name] = reasons.of_placeholder(name, version)
        return better

    def _reserves_a_name(self, evidence: Evidence, version: Version) -> bool:
        """Tell whether a version is empty, while others of the project are compiled for some target."""
        wheel = evidence.wheel(version)
        if wheel is None or not evidence.is_compiled_somewhere():
            return False
        return is_placeholder(wheel, self.asking.index.web)

    def _without(self, name: str, version: Version, document: Table) -> Table | None:
        """Resolve without a version; if no wheel is left, without asking for a wheel of this one project."""
        excluded = self.asking.excluded.setdefault(name, set())
        excluded.add(version)
        others = frozenset(package["name"] for package in document["packages"] if _from_index(package))
        better = self._first_of(self.held, (others if self.held == _ALL else self.held) - {name})
        if better is None:
            excluded.discard(version)
        return better


def best_wheel(package: Mapping[str, Any], target: Target) -> str | None:
    """Return the name of the wheel in an entry of a lock that suits the target best."""
    names = [file_name_of(wheel) for wheel in package.get("wheels", ())]
    ranked = [(rank, name) for name in names if (rank := wheel_rank(name, target)) is not None]
    return min(ranked)[1] if ranked else None


def _from_index(package: Mapping[str, Any]) -> bool:
    return "wheels" in package or "sdist" in package
