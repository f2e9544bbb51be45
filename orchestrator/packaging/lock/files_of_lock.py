"""The files of a lock that is being made: what uv leaves out is added, what must not be taken is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from packaging.version import Version

from orchestrator.errors import Refused
from orchestrator.packaging.lock.document import Table, file_name_of
from orchestrator.packaging.lock.evidence import Evidence
from orchestrator.packaging.lock.index import IndexFile
from orchestrator.packaging.lock.inputs import Inputs
from orchestrator.packaging.lock.resolution import best_wheel
from orchestrator.packaging.runtimes import Target

_SHOWN = 3
_FILES = ("wheels", "sdist")


def completed(
    document: Table,
    inputs: Inputs,
    target: Target,
    fallbacks: Mapping[str, Version],
    evidence_of: Callable[[str], Evidence | None],
) -> Table:
    """Return the lock with the one file of each project that this target takes.

    uv knows no level between manylinux_2_17 and 2_28, so a wheel for 2.26 is added from the index. A pure fallback
    and what the user wants to compile give way to their source. Raises Refused if no file has a listed hash.
    """
    packages = []
    for package in document["packages"]:
        name = package["name"]
        if "archive" in package:
            _check_archive(package, inputs)
        if "wheels" in package or "sdist" in package:
            from_source = name in fallbacks or inputs.compiles(name)
            package = _restricted(package, inputs, evidence_of(name)) if inputs.hashes else package
            package = _one_file(package, target, None if inputs.hashes else evidence_of, from_source=from_source)
        packages.append(package)
    return {**document, "packages": packages}


def _one_file(
    package: Table, target: Target, evidence_of: Callable[[str], Evidence | None] | None, *, from_source: bool
) -> Table:
    """Keep the best wheel, or else the source distribution; ask the index for what uv did not give."""
    rest = {key: value for key, value in package.items() if key not in _FILES}
    if not from_source and (name := best_wheel(package, target)):
        return {**rest, "wheels": [wheel for wheel in package["wheels"] if _named(wheel, name)]}
    evidence = evidence_of(package["name"]) if evidence_of else None
    version = Version(package["version"])
    if not from_source and evidence:
        wheel = evidence.wheel(version)
        if wheel and wheel.sha256:
            return {**rest, "wheels": [_entry(wheel)]}
    sdist = package.get("sdist")
    if sdist is None and evidence and (found := evidence.sdist(version)) and found.sha256:
        sdist = _entry(found)
    return {**rest, "sdist": sdist} if sdist else package


def _restricted(package: Table, inputs: Inputs, evidence: Evidence | None) -> Table:
    """Leave only the files whose hash is listed."""
    listed = inputs.hashes.get(package["name"], frozenset())
    offered = {file.sha256: file for file in _offered(package, evidence)}
    kept = [file for digest, file in sorted(offered.items()) if digest in listed]
    if not kept:
        seen = sorted(f"{file.name}: {digest}" for digest, file in offered.items())
        raise Refused(
            f"no file of `{package['name']} {package['version']}` has a hash that is listed in `{inputs.name}`",
            detail=f"observed: {'; '.join(seen[:_SHOWN])}{' …' if len(seen) > _SHOWN else ''}\n"
            f"expected: {', '.join(sorted(listed)[:_SHOWN])}{' …' if len(listed) > _SHOWN else ''}",
            hint="find out what the package index serves; correct the hashes only if you know why they changed",
        )
    rest = {key: value for key, value in package.items() if key not in _FILES}
    wheels = [_entry(file) for file in kept if file.is_wheel]
    sdists = [_entry(file) for file in kept if not file.is_wheel]
    return {**rest, **({"wheels": wheels} if wheels else {}), **({"sdist": sdists[0]} if sdists else {})}


def _offered(package: Table, evidence: Evidence | None) -> list[IndexFile]:
    if evidence is None:
        return []
    return [file for file in evidence.project.releases.get(Version(package["version"]), ()) if file.sha256]


def _check_archive(package: Table, inputs: Inputs) -> None:
    listed = frozenset[str]().union(*inputs.hashes.values())
    digest = package["archive"].get("hashes", {}).get("sha256", "")
    if inputs.hashes and digest not in listed:
        raise Refused(
            f"`{package['name']}` does not have the hash that is listed in `{inputs.name}`",
            detail=f"observed: {digest}, expected: {', '.join(sorted(listed)[:_SHOWN])}",
            hint="find out what the server offers; correct the hash only if you know why it changed",
        )


def _entry(file: IndexFile) -> dict[str, Any]:
    size = {} if file.size_bytes is None else {"size": file.size_bytes}
    name = {"name": file.name} if quote(file.name) not in file.url and file.name not in file.url else {}
    return {**name, "url": file.url, **size, "hashes": {"sha256": file.sha256}}


def _named(wheel: Mapping[str, Any], name: str) -> bool:
    return file_name_of(wheel) == name
