"""What the bill of materials says of one wheel: CycloneDX 1.6, with what the wheel carries about itself."""

from __future__ import annotations

import json
from typing import Any

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_supported_id
from packageurl import PackageURL

from orchestrator.packaging.documents.addresses import public_address
from orchestrator.packaging.documents.carried import Carried, Licence, carried
from orchestrator.packaging.documents.merge import merge
from orchestrator.packaging.wheels.model import SystemLibrary, Wheel


def part_of(wheel: Wheel) -> dict[str, Any]:
    """Return the wheel's `component` with all that is nested in it, and the `dependencies` between those parts.

    Plain JSON, and a function of the wheel alone: it may be remembered under its digest.
    """
    bom = Bom()
    bom.components = [_with_parts(bom, wheel)]
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    return {"component": document["components"][0], "dependencies": document.get("dependencies", [])}


def _with_parts(bom: Bom, wheel: Wheel) -> Component:
    """Return the component of a wheel with all that is nested in it; whoever adds to it later breaks sorted sets."""
    said = carried(wheel.path)
    component = _component(wheel, said)
    libraries = [_library(library, wheel) for library in wheel.libraries]
    component.components.update(libraries)
    merge(bom, component, said.sboms)
    bom.register_dependency(component, libraries)
    return component


def _component(wheel: Wheel, said: Carried) -> Component:
    address = "" if wheel.compiled else public_address(wheel.url)
    references = [ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(address))] if address else []
    # The address of what was compiled is that of its source.
    source = public_address(wheel.url) if wheel.compiled else ""
    if source:
        hashes = [_sha256(wheel.source_sha256)] if wheel.source_sha256 else []
        references.append(
            ExternalReference(type=ExternalReferenceType.SOURCE_DISTRIBUTION, url=XsUri(source), hashes=hashes)
        )
    return Component(
        name=wheel.name,
        version=wheel.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"pkg:pypi/{wheel.name}@{wheel.version}",
        description=said.summary or None,
        purl=PackageURL("pypi", name=wheel.name, version=wheel.version),
        hashes=[_sha256(wheel.sha256)],
        licenses=_licences(said.licence),
        external_references=references,
        properties=_properties(
            file=wheel.path.name,
            compiled="true" if wheel.compiled else "false",
            **({"source-sha256": wheel.source_sha256} if wheel.source_sha256 else {}),
        ),
    )


def _library(library: SystemLibrary, wheel: Wheel) -> Component:
    """Return a library of the build machine that was put into a wheel, as the system package that it is from."""
    return Component(
        name=library.package or library.name,
        version=library.version or None,
        type=ComponentType.LIBRARY,
        bom_ref=f"pkg:pypi/{wheel.name}@{wheel.version}#{library.name}",
        purl=_system_purl(library),
        licenses=_licences(Licence(names=(library.licence,) if library.licence else ())),
        properties=_properties(library=library.name),
    )


def _system_purl(library: SystemLibrary) -> PackageURL | None:
    if not library.package:
        return None
    # Releases of Amazon Linux and its relatives end in their name: `7.88.1-1.amzn2023.0.1`, `8.0-3.el9`.
    release = library.version.rpartition("-")[2]
    rpm = next((vendor for mark, vendor in _RPM_VENDORS.items() if mark in release), "")
    kind, vendor = ("rpm", rpm) if rpm else ("deb", "debian")
    # An epoch is no part of the version there (purl specification: types rpm, deb).
    epoch, _, version = library.version.rpartition(":")
    qualifiers = {"epoch": epoch} if epoch not in ("", "0") else {}
    return PackageURL(kind, vendor, library.package, version or None, qualifiers)


_RPM_VENDORS = {"amzn": "amzn", ".el": "redhat", ".fc": "fedora"}


def _licences(licence: Licence) -> list[License]:
    if licence.expression and not is_supported_id(licence.expression):
        return [LicenseExpression(licence.expression)]
    names = (licence.expression,) if licence.expression else licence.names
    return [DisjunctiveLicense(id=name) if is_supported_id(name) else DisjunctiveLicense(name=name) for name in names]


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def _properties(**values: str) -> list[Property]:
    return [Property(name=f"orchestrator:{name}", value=value) for name, value in values.items()]
