"""The manifest: what a package is, and where it came from."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from orchestrator.packaging.documents.input_digest import input_digest, inputs
from orchestrator.packaging.documents.model import Origin, PackageFacts, Stored

SCHEMA_VERSION = 2
_NOWHERE = Stored("", "", None, "", "", None)


def manifest(
    facts: PackageFacts, origin: Origin, beside: Mapping[str, str], stored: Stored | None = None
) -> dict[str, Any]:
    """Return the manifest as plain data; `sha256_base64` is what Terraform calls `source_code_hash`.

    `beside` has the sha256 of the other documents under `sbom`, `provenance` and, if there is one, `lock`. Without
    `stored` it is the manifest of a package that lies in a folder; `deposited` completes it.
    """
    shaped = inputs(facts, origin)
    place = stored or _NOWHERE
    return {
        "schema_version": SCHEMA_VERSION,
        "project": origin.project,
        "package": origin.package,
        "kind": facts.kind,
        "architecture": facts.target.architecture,
        "runtime": facts.target.runtime.name,
        "runtime_system": facts.target.runtime.system,
        "commit": origin.commit or None,
        "ref": origin.ref or None,
        "pipeline_id": origin.pipeline_id,
        "build_id": origin.build_id or None,
        "build_arn": origin.build_arn or None,
        "build_number": origin.build_number,
        "image": origin.image,
        "snapshot_sha256": origin.snapshot_sha256 or None,
        "lock_sha256": beside.get("lock"),
        "lock_made": facts.plan.made if facts.plan else None,
        "sbom_sha256": beside["sbom"],
        "provenance_sha256": beside["provenance"],
        "input_digest": input_digest(shaped),
        "inputs": shaped,
        "compiled": [wheel.name for wheel in facts.wheels if wheel.compiled],
        "packages": _packages(facts),
        "allowed": _allowed(facts),
        "compressor": facts.assembled.compressor,
        "tool_sha256": origin.tool_sha256 or None,
        "bucket": place.bucket or None,
        "key": place.key or None,
        "version_id": place.version_id,
        "sbom_key": place.sbom_key or None,
        "provenance_key": place.provenance_key or None,
        "lock_key": place.lock_key,
        "sha256": facts.sha256.hex(),
        "sha256_base64": base64.b64encode(facts.sha256).decode(),
        "size_bytes": facts.inspection.size_bytes,
        "unzipped_bytes": facts.assembled.unzipped_bytes,
        "files": facts.assembled.files,
        "created_at": origin.finished or None,
    }


def deposited(document: Mapping[str, Any], stored: Stored) -> dict[str, Any]:
    """Return the manifest of a package that has been stored since."""
    return {
        **document,
        "bucket": stored.bucket,
        "key": stored.key,
        "version_id": stored.version_id,
        "sbom_key": stored.sbom_key,
        "provenance_key": stored.provenance_key,
        "lock_key": stored.lock_key,
    }


def manifest_bytes(document: Mapping[str, Any]) -> bytes:
    """Return the document as it is stored."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _packages(facts: PackageFacts) -> list[dict[str, Any]]:
    return [
        {"name": wheel.name, "version": wheel.version, "sha256": wheel.sha256, "compiled": wheel.compiled}
        for wheel in sorted(facts.wheels, key=lambda wheel: wheel.name)
    ]


def _allowed(facts: PackageFacts) -> list[dict[str, str]]:
    return [
        {
            "rule": item.finding.rule.value,
            "file": item.finding.file,
            "subject": item.finding.subject,
            "reason": item.reason,
        }
        for item in facts.inspection.allowed
    ]
