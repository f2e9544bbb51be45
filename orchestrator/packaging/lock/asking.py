"""One question to uv: whether these rules can be satisfied, and with which versions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from orchestrator.packaging.files import write_whole
from orchestrator.packaging.lock.document import Table, toml_of
from orchestrator.packaging.lock.evidence import Evidence
from orchestrator.packaging.lock.index import Index
from orchestrator.packaging.lock.inputs import Inputs
from orchestrator.packaging.lock.sdist_metadata import StaticMetadata, static_metadata
from orchestrator.packaging.lock.uv import Uv
from orchestrator.packaging.lock.uv_failures import culprit, failure, is_surroundings

_ROUNDS = 60


@dataclass
class Asking:
    """The rules so far.

    `excluded` are versions that are no good, `absent` the projects that are left out. `metadata` is what source
    distributions say about themselves, so that uv need not run their build scripts. `errors` is what uv said last.
    """

    inputs: Inputs
    uv: Uv
    index: Index
    wanted: Mapping[str, SpecifierSet]
    excluded: dict[str, set[Version]] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    metadata: dict[tuple[str, str], StaticMetadata | None] = field(default_factory=dict)
    errors: str = ""

    def evidence(self, name: str) -> Evidence | None:
        """Return what the index says about a project; None if it has no such project."""
        project = self.index.project(name)
        wanted = self.wanted.get(name, SpecifierSet())
        return Evidence(project, self.uv.target, wanted, self.inputs.prereleases) if project else None

    def describe(self, name: str, version: Version) -> bool:
        """Add what a source distribution says about itself; return False if that is nothing new."""
        key = (name, str(version))
        evidence = self.evidence(name)
        sdist = evidence.sdist(version) if evidence else None
        if key in self.metadata or sdist is None:
            return False
        self.metadata[key] = static_metadata(name, str(version), sdist, self.index.web)
        return self.metadata[key] is not None

    def patiently(self, held: frozenset[str], *, dependencies: bool | None = None) -> Table | None:
        """Resolve with what source distributions say about themselves; only what says nothing has its script run."""
        scripts = False
        for _ in range(_ROUNDS):
            document = self.once(held, dependencies=dependencies, scripts=scripts)
            if document is not None:
                return document
            if self._describe_culprit():
                continue
            if scripts or not (self.inputs.unnamed or culprit(self.errors)):
                break
            scripts = True
        return None

    def _describe_culprit(self) -> bool:
        name, _, version = culprit(self.errors).partition("==")
        return bool(version) and self.describe(name, Version(version))

    def once(self, held: frozenset[str], *, dependencies: bool | None = None, scripts: bool = False) -> Table | None:
        """Ask uv for a lock in which the projects `held` have wheels; None if there is none.

        Without `scripts` no build script runs: uv then wants hashes for what a script needs, and there are none.
        A file with hashes lists everything, so its dependencies are looked for only if `dependencies` says so.
        Raises MachineryError if an index is out of reach, ConfigurationError if the cache cannot be used.
        """
        self._write_files()
        listed = bool(self.inputs.hashes) if dependencies is None else not dependencies
        project = (self.inputs.project,) if self.inputs.project else ()
        uv = replace(self.uv, environment={**self.inputs.variables(os.environ), **self.uv.environment})
        result = uv(
            *("pip", "compile", *project, "requirements.in", "--constraints", "constraints.in"),
            *("--excludes", "excluded.in", "--config-file", "uv.toml", "--format", "pylock.toml", "--no-header"),
            *(part for host in self.inputs.insecure_hosts for part in ("--allow-insecure-host", host)),
            *(("--prerelease", "allow") if self.inputs.prereleases else ()),
            *(("--no-deps",) if listed else ()),
            *(() if scripts else ("--require-build-hashes",)),
            *(part for name in sorted(self.inputs.from_source) for part in ("--no-binary", name)),
            *(part for name in sorted(held) for part in ("--only-binary", name)),
        )
        self.errors = result.errors
        if not result.code:
            return toml_of(result.output, "the lock")
        if is_surroundings(result.errors):
            raise failure(f"the requirements cannot be had for {self.uv.target}", result.errors, self.uv)
        return None

    def _write_files(self) -> None:
        excluded = [f"{name}!={version}" for name, versions in self.excluded.items() for version in sorted(versions)]
        self.uv.directory.mkdir(parents=True, exist_ok=True)
        for name, lines in {
            "requirements.in": (*self.inputs.index, *self.inputs.lines),
            "constraints.in": (*self.inputs.constraints, *excluded),
            "excluded.in": sorted(self.absent),
        }.items():
            write_whole(self.uv.directory / name, "".join(f"{line}\n" for line in lines).encode())
        tables = [item.as_toml() for item in self.metadata.values() if item]
        write_whole(self.uv.directory / "uv.toml", "\n".join(tables).encode())
