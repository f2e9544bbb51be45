"""The four kinds of input, brought to what uv is asked: lines, constraints, indexes, and what the user allows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.markers import Environment
from packaging.pylock import is_valid_pylock_path
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.lock.credentials import public, variable_names
from orchestrator.packaging.lock.document import file_path, inside, toml_of
from orchestrator.packaging.lock.requirement_file import Local, decode, read_requirements

_HASH = re.compile(r"\s+--hash[= ]\s*(\w+):([0-9A-Fa-f]+)")
_URL_LINE = re.compile(
    r"^(?:[A-Za-z0-9._-]+\s*(?:\[[^\]]*\])?\s*@\s*)?(?:git\+|hg\+|svn\+|bzr\+)?[a-z]+://", re.IGNORECASE
)
_EVERYTHING = ":all:"


@dataclass(frozen=True)
class Inputs:
    """What is required, for any target.

    `lines` and `constraints` are as uv takes them and may hold passwords, as may `index`. `project` is a
    `pyproject.toml` that uv reads itself. `direct` are the requirements that name a project of an index.
    `hashes` restrict the files by project name; they are not empty exactly if the input is a hashed file.
    `unnamed` tells that something comes from a directory, a URL or version control.
    """

    name: str
    lines: tuple[str, ...]
    direct: tuple[Requirement, ...]
    constraints: tuple[str, ...] = ()
    index: tuple[str, ...] = ()
    insecure_hosts: tuple[str, ...] = ()
    project: Path | None = None
    prereleases: bool = False
    from_source: frozenset[str] = frozenset()
    wheels_only: frozenset[str] = frozenset()
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unnamed: bool = False

    def wanted(self, environment: Environment) -> dict[str, SpecifierSet]:
        """Return by project name what the requirements and constraints allow on a target."""
        constraints = _requirements(self.constraints)
        found: dict[str, SpecifierSet] = {}
        for requirement in self.direct:
            if _applies(requirement, environment):
                name = canonicalize_name(requirement.name)
                found[name] = found.get(name, SpecifierSet()) & requirement.specifier
        for requirement in constraints:
            name = canonicalize_name(requirement.name)
            if name in found and _applies(requirement, environment):
                found[name] &= requirement.specifier
        return found

    def compiles(self, name: str) -> bool:
        """Tell whether the user asks to compile a project (`--no-binary`)."""
        return name in self.from_source or _EVERYTHING in self.from_source

    def forbids_compiling(self, name: str) -> bool:
        """Tell whether the user asks for the wheels of a project (`--only-binary`)."""
        return name in self.wheels_only or _EVERYTHING in self.wheels_only

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that the input names as `${NAME}`, which uv replaces; never those of an AWS account."""
        text = "\n".join((*self.lines, *self.constraints, *self.index))
        if self.project is not None:
            text += decode(self.project.read_bytes(), self.project.name)
        names = {name for name in variable_names(text) if not name.startswith("AWS_")}
        return {name: environ[name] for name in sorted(names) if name in environ}

    def urls(self) -> list[str]:
        """Return the URLs that may hold passwords: of indexes, and of direct requirements."""
        found = [line.partition(" ")[2] for line in self.index]
        return [*found, *(url for line in self.lines for url in re.findall(r"[a-z]+://[^\s;]+", line))]


def is_lock(path: Path) -> bool:
    """Tell whether a file is a lock that is used as it is: `uv.lock`, `pylock.toml`, `pylock.NAME.toml`."""
    return path.name == "uv.lock" or is_valid_pylock_path(path)


def read_inputs(requirements: Path, tree: Path, source: Path) -> Inputs:
    """Read a requirement file or a `pyproject.toml`; raises ConfigurationError, or Refused for outside paths."""
    inside(requirements, tree)
    if requirements.name == "pyproject.toml":
        return _project(requirements, tree)
    found = read_requirements(requirements, tree, source)
    lines, hashes = _without_hashes(found.lines) if found.hashed else (found.lines, {})
    local = [_local_line(local) for local in found.local]
    return Inputs(
        name=requirements.name,
        lines=(*local, *lines),
        direct=tuple(_requirements(lines)),
        constraints=tuple(found.constraints),
        index=tuple(found.index),
        insecure_hosts=tuple(found.insecure_hosts),
        prereleases=found.prereleases,
        from_source=_names(found.from_source),
        wheels_only=_names(found.wheels_only),
        hashes=hashes,
        unnamed=bool(local) or any(_URL_LINE.match(line) for line in lines),
    )


def project_requirements(path: Path) -> list[str] | None:
    """Return `project.dependencies` of a `pyproject.toml`; None if it has none of its own to tell (PEP 621)."""
    document = toml_of(decode(path.read_bytes(), path.name), path.name)
    project = document.get("project")
    if not isinstance(project, dict):
        return None
    listed = project.get("dependencies", [])
    dynamic = "dependencies" in project.get("dynamic", ())
    return None if dynamic else [str(line) for line in listed]


def _project(path: Path, tree: Path) -> Inputs:
    document = toml_of(decode(path.read_bytes(), path.name), path.name)
    if not isinstance(document.get("project"), dict):
        raise ConfigurationError(
            "`pyproject.toml` has no table `[project]`",
            detail="observed: nothing that says what the project depends on (PEP 621)",
            hint="name a requirement file or a lock in `requirements:`",
        )
    tool = document.get("tool", {}).get("uv", {})
    sources = tool.get("sources", {})
    for entry in (item for value in sources.values() for item in (value if isinstance(value, list) else [value])):
        if isinstance(entry, dict) and "path" in entry:
            inside(path.parent / str(entry["path"]), tree)
    listed = [line for line in project_requirements(path) or () if "://" in line]
    for line in listed:
        if local := file_path(line.partition("@")[2].strip()):
            inside(local, tree)
    direct = _requirements(project_requirements(path) or ())
    sourced = {canonicalize_name(name) for name in sources}
    return Inputs(
        name=path.name,
        lines=(),
        direct=tuple(item for item in direct if canonicalize_name(item.name) not in sourced),
        index=tuple(_project_index(tool.get("index", ()))),
        project=path,
        unnamed=bool(sources or listed) or project_requirements(path) is None,
    )


def _project_index(entries: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Return `[[tool.uv.index]]` as options; `explicit` ones are uv's own business."""
    for entry in entries:
        if not entry.get("explicit"):
            option = "--index-url" if entry.get("default") else "--extra-index-url"
            yield f"{option} {entry.get('url', '')}"


def _local_line(local: Local) -> str:
    return f"file://{quote(str(local.path))}{local.extras} {local.marker}".strip()


def _without_hashes(lines: Iterable[str]) -> tuple[list[str], dict[str, frozenset[str]]]:
    bare, hashes = list[str](), dict[str, frozenset[str]]()
    for line in lines:
        found = {digest.lower() for algorithm, digest in _HASH.findall(line) if algorithm == "sha256"}
        requirement = _HASH.sub("", line).strip()
        if not found:
            raise ConfigurationError(
                "a requirement of a file with hashes has no sha256 hash",
                detail=f"observed: `{public(requirement)}`",
                hint="give every line its `--hash=sha256:…`, or none (pip: hash-checking mode)",
            )
        bare.append(requirement)
        name = canonicalize_name(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])
        hashes[name] = hashes.get(name, frozenset()) | found
    return bare, hashes


def _requirements(lines: Iterable[str]) -> list[Requirement]:
    """Parse what names a project of an index; uv judges all the rest."""
    found = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if not requirement.url and all(part.version for part in requirement.specifier):
            found.append(requirement)
    return found


def _applies(requirement: Requirement, environment: Environment) -> bool:
    if requirement.marker is None:
        return True
    return requirement.marker.evaluate({"extra": "", **dict[str, str](**environment)})


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name if name == _EVERYTHING else canonicalize_name(name) for name in names)
