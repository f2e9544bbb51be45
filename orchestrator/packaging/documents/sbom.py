"""The bill of materials of a package: CycloneDX 1.6, a component for each wheel, one for the application."""

from __future__ import annotations

import hashlib
import json
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.packaging.documents.model import Origin, PackageFacts
from orchestrator.packaging.files import write_whole
from orchestrator.packaging.wheels.model import Wheel

# The name space of serial numbers: equal packages have equal ones, on every machine.
_SPACE = uuid.UUID("9b5c29c2-6d2f-5a0b-8a6e-6a7d2c1f0e44")
_ROOT = "package"
_APPLICATION = "application"
# Raise it whenever the same wheel gives another part.
_CONTRACT = 1


def sbom(facts: PackageFacts, origin: Origin, remembered: Path | None = None) -> bytes:
    """Return the bill as JSON: a function of the package and its wheels, without the time it was made at.

    What it says of a wheel is remembered in the folder `remembered`: to read the bills that wheels carry takes longer
    than to make the package.
    """
    application = _application(facts)
    parts = [_part(wheel, remembered) for wheel in sorted(facts.wheels, key=lambda wheel: (wheel.name, wheel.version))]
    components = [*([application] if application else []), *(part["component"] for part in parts)]
    edges = {edge["ref"]: edge for part in parts for edge in part["dependencies"]}
    edges[_ROOT] = {"ref": _ROOT, "dependsOn": sorted(component["bom-ref"] for component in components)}
    if application:
        edges[_APPLICATION] = {"ref": _APPLICATION}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, facts.sha256.hex())}",
        "version": 1,
        "metadata": _filled({"component": _root(facts, origin), "tools": _tools(origin)}),
        "components": components,
        "dependencies": [edges[ref] for ref in sorted(edges)],
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _root(facts: PackageFacts, origin: Origin) -> dict[str, Any]:
    return _filled(
        {
            "type": "application",
            "bom-ref": _ROOT,
            "group": origin.project,
            "name": origin.package or facts.package.stem,
            "version": origin.commit,
            "hashes": [_sha256(facts.sha256.hex())],
            "properties": _properties(
                kind=facts.kind, architecture=facts.target.architecture, runtime=facts.target.runtime.name
            ),
        }
    )


def _tools(origin: Origin) -> dict[str, Any]:
    if not origin.tool_sha256:
        return {}
    tool = {"type": "application", "bom-ref": "tool", "name": "codebuild-orchestrator"}
    return {"components": [{**tool, "hashes": [_sha256(origin.tool_sha256)]}]}


def _application(facts: PackageFacts) -> dict[str, Any] | None:
    """Return the files of the package that no wheel brought, as one component; None if there is none."""
    listing = "".join(f"{digest}  {name}\n" for name, digest in _own_files(facts))
    if not listing:
        return None
    return {
        "type": "file",
        "bom-ref": _APPLICATION,
        "name": _APPLICATION,
        "description": "The files of the package that no dependency brought; the hash is that of their list, "
        "as `sha256sum` writes it, sorted by name.",
        "hashes": [_sha256(hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest())],
        "properties": _properties(files=str(listing.count("\n"))),
    }


def _own_files(facts: PackageFacts) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(facts.package) as archive:
        for name in sorted(archive.namelist()):
            if not facts.assembled.origins.get(name, "") and not name.endswith("/"):
                yield name, hashlib.sha256(archive.read(name)).hexdigest()


def _part(wheel: Wheel, remembered: Path | None) -> dict[str, Any]:
    """Return what is said of the wheel: remembered, or made anew; a damaged memory counts as none."""
    place = remembered / f"{_digest(wheel)}.json" if remembered else None
    if place and place.is_file():
        try:
            known: dict[str, Any] = json.loads(place.read_bytes())
            return {"component": known["component"], "dependencies": known["dependencies"]}
        except (OSError, ValueError, KeyError, TypeError):
            pass
    # CycloneDX takes longer to import than most packages take to make.
    from orchestrator.packaging.documents.part import part_of

    part = part_of(wheel)
    if place:
        _remember(place, part)
    return part


def _remember(place: Path, part: Mapping[str, Any]) -> None:
    """Write the part down; whoever cannot has to make it again."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(part).encode())
    except (OSError, OrchestratorError):
        return


def _digest(wheel: Wheel) -> str:
    """Return the digest of all that the part is made from."""
    from cyclonedx import __version__

    known = [__version__, _CONTRACT, wheel.name, wheel.version, wheel.path.name, wheel.sha256, wheel.url]
    known += [wheel.compiled, wheel.source_sha256, [vars(library) for library in wheel.libraries]]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def _properties(**values: str) -> list[dict[str, str]]:
    return [{"name": f"orchestrator:{name}", "value": value} for name, value in values.items()]
