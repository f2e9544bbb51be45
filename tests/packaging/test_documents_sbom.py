"""The bill of materials: valid, complete, the same for the same package, and without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from document_facts import ORIGIN, SBOM, compiled, make_facts, make_wheel

from orchestrator.packaging.documents.model import Origin
from orchestrator.packaging.documents.sbom import sbom

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def bill(folder: Path, *wheels: Any, origin: Origin = ORIGIN) -> dict[str, Any]:
    """Return the bill of a package of these wheels; the library's own strict validator must accept it."""
    text = sbom(make_facts(folder, *wheels), origin).decode()
    problem = VALIDATOR.validate_str(text)
    assert problem is None, str(problem)[:2000]
    found: dict[str, Any] = json.loads(text)
    return found


def components(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give all components of a bill, nested ones too."""
    for component in node.get("components", ()):
        yield component
        yield from components(component)


def named(node: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the component of this name."""
    return next(component for component in components(node) if component["name"] == name)


def test_a_package_says_what_is_in_it(tmp_path: Path) -> None:
    """Each wheel is named with version, address, digest and licence; the package's own files are one component."""
    wheel = make_wheel(tmp_path, "fast", "License-Expression: MIT")
    found = bill(tmp_path, wheel)
    component = named(found, "fast")
    assert component["purl"] == "pkg:pypi/fast@1.0"
    assert component["hashes"] == [{"alg": "SHA-256", "content": wheel.sha256}]
    assert component["licenses"] == [{"license": {"id": "MIT"}}]
    assert component["externalReferences"][0]["url"] == f"https://files.example.com/{wheel.path.name}"
    assert found["metadata"]["component"]["name"] == "parser"
    assert found["metadata"]["component"]["version"] == ORIGIN.commit
    assert named(found, "application")["hashes"]
    depends = {item["ref"]: item.get("dependsOn", []) for item in found["dependencies"]}
    assert sorted(depends["package"]) == ["application", "pkg:pypi/fast@1.0"]


def test_no_credential_is_published(tmp_path: Path) -> None:
    """User names, passwords and signatures of download addresses are in no bill."""
    wheel = make_wheel(tmp_path, "fast")
    for item in (wheel, compiled(wheel)):
        assert "canary" not in json.dumps(bill(tmp_path, item))


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("License-Expression: Apache-2.0 OR MIT", [{"expression": "Apache-2.0 OR MIT"}]),
        ("License: BSD-3-Clause", [{"license": {"id": "BSD-3-Clause"}}]),
        ("Classifier: License :: OSI Approved :: MIT License", [{"license": {"name": "MIT License"}}]),
        ("License: see LICENSE", [{"license": {"name": "see LICENSE"}}]),
        ("License: UNKNOWN", None),
        ("License-Expression: MIT\nLicense: something else", [{"license": {"id": "MIT"}}]),
        ("License: " + "long " * 500, None),
        ("", None),
    ],
)
def test_licences_are_taken_as_they_are_stated(tmp_path: Path, licence: str, expected: Any) -> None:
    """Expressions, SPDX names, classifiers and free text each find their place; a whole licence text does not."""
    assert named(bill(tmp_path, make_wheel(tmp_path, "fast", licence)), "fast").get("licenses") == expected


def test_what_a_wheel_carries_is_taken_in(tmp_path: Path) -> None:
    """The parts that a wheel's own SBOM names are nested below it, with who depends on whom, in two wheels alike."""
    wheels = [
        make_wheel(tmp_path, "fast", sboms={"fast.cyclonedx.json": SBOM, "auditwheel.cdx.json": SBOM}),
        make_wheel(tmp_path, "other", sboms={"other.json": SBOM}),
    ]
    found = bill(tmp_path, *wheels)
    references = [component["bom-ref"] for component in components(found)]
    assert len(references) == len(set(references))
    fast = named(found, "fast")
    assert sorted(item["name"] for item in fast["components"]) == ["ring", "ring", "zlib", "zlib", "zlib", "zlib"]
    ring = next(item for item in fast["components"] if item["name"] == "ring")
    assert ring["purl"] == "pkg:cargo/ring@0.17"
    depends = {item["ref"]: item.get("dependsOn", []) for item in found["dependencies"]}
    assert depends[ring["bom-ref"]] == [ring["components"][0]["bom-ref"]]
    assert ring["bom-ref"] in depends["pkg:pypi/fast@1.0"]


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        {"bomFormat": "SPDX"},
        {"bomFormat": "CycloneDX", "components": [{"type": "no such type"}]},
        {"bomFormat": "CycloneDX", "components": "many"},
        {"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "x"}] * 3000},
    ],
    ids=["text", "list", "other format", "wrong", "shape", "too many"],
)
def test_an_sbom_that_says_nothing_stops_nothing(tmp_path: Path, content: Any) -> None:
    """What cannot be merged is named beside the wheel, and the bill is whole without it."""
    found = named(bill(tmp_path, make_wheel(tmp_path, "fast", sboms={"x.cdx.json": content})), "fast")
    assert {"name": "orchestrator:unmerged-sbom", "value": "fast-1.0.dist-info/sboms/x.cdx.json"} in found["properties"]


def test_libraries_of_the_build_machine_are_named(tmp_path: Path) -> None:
    """What was put into a compiled wheel is a component of its own: the system package with version and licence."""
    found = bill(tmp_path, compiled(make_wheel(tmp_path, "fast")))
    library = named(found, "libcurl")
    assert library["purl"] == "pkg:rpm/amzn/libcurl@8.5.0-1.amzn2023.0.4"
    assert library["licenses"] == [{"license": {"id": "MIT"}}]
    assert {"name": "orchestrator:compiled", "value": "true"} in named(found, "fast")["properties"]


def test_the_same_package_has_the_same_bill(tmp_path: Path) -> None:
    """Neither the order of wheels nor the time of day changes a byte; another package has another serial number."""
    wheels = [make_wheel(tmp_path, name, sboms={"a.cdx.json": SBOM}) for name in ("fast", "other")]
    facts = make_facts(tmp_path, *wheels)
    first = sbom(facts, ORIGIN)
    assert sbom(replace(facts, wheels=tuple(reversed(wheels))), replace(ORIGIN, started="later")) == first
    assert b"timestamp" not in first
    other = replace(facts, inspection=replace(facts.inspection, sha256=b"\2" * 32))
    assert json.loads(sbom(other, ORIGIN))["serialNumber"] != json.loads(first)["serialNumber"]


def test_a_package_of_nobody_has_a_bill(tmp_path: Path) -> None:
    """On the command line there is no project, no commit and maybe no dependency; the bill is valid all the same."""
    assert bill(tmp_path, origin=Origin())["metadata"]["component"]["name"] == "package"
