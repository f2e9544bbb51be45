"""All documents of one package together: made once, written beside it, read back where they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.packaging.documents.manifest import manifest, manifest_bytes
from orchestrator.packaging.documents.model import Origin, PackageFacts
from orchestrator.packaging.documents.places import MANIFEST_NAME, NAMES, beside
from orchestrator.packaging.documents.provenance import provenance
from orchestrator.packaging.documents.sbom import sbom
from orchestrator.packaging.files import write_whole
from orchestrator.redaction import KNOWN


@dataclass(frozen=True)
class Documents:
    """What lies beside a package: the manifest as plain data, and the others as bytes by their key in `NAMES`."""

    manifest: Mapping[str, Any]
    others: Mapping[str, bytes]

    def write(self, manifest: Path, others: Mapping[str, Path]) -> None:
        """Write every document to its place; the manifest last, because it vouches for the rest.

        Raises Refused for a document that holds a secret of this process: they travel with the package.
        """
        for key, content in self.others.items():
            write_whole(others[key], _open(NAMES[key], content))
        write_whole(manifest, _open(MANIFEST_NAME, manifest_bytes(self.manifest)))

    def write_beside(self, package: Path) -> tuple[Path, ...]:
        """Write them beside a zip of any name (`parser.zip`: `parser.manifest.json`, …); return where they are."""
        manifest, *others = beside(package)
        places = dict(zip(NAMES, others, strict=True))
        self.write(manifest, places)
        return (manifest, *(places[key] for key in self.others))


def _open(name: str, content: bytes) -> bytes:
    KNOWN.refuse(content.decode("utf-8", "replace"), f"`{name}`")
    return content


def documents(facts: PackageFacts, origin: Origin, cache: Path) -> Documents:
    """Return manifest, SBOM, provenance and, if there is one, the lock of a finished package.

    `cache` is a folder in which work is remembered that need not be done twice.
    """
    others = {"sbom": sbom(facts, origin, cache / "sbom"), "provenance": provenance(facts, origin)}
    if facts.plan is not None:
        others["lock"] = facts.plan.text
    digests = {key: hashlib.sha256(content).hexdigest() for key, content in others.items()}
    return Documents(manifest(facts, origin, digests), others)
