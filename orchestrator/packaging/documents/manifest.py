"""The manifest: what a package is, and where it came from."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from orchestrator.packaging.inside.build import PackageRecord
from orchestrator.packaging.inside.context import Build

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Stored:
    """The package as it lies in S3. `version_id` is None in a bucket without versions."""

    key: str
    version_id: str | None
    sha256: bytes
    size_bytes: int
    unzipped_bytes: int
    files: int


def manifest(build: Build, record: PackageRecord, stored: Stored, *, created_at: str) -> dict[str, Any]:
    """Return the manifest as plain data; `sha256_base64` is what Terraform calls `source_code_hash`."""
    settings = build.settings
    return {
        "schema_version": SCHEMA_VERSION,
        "project": settings.project,
        "package": settings.package,
        "kind": settings.kind,
        "architecture": settings.target.architecture,
        "runtime": settings.target.runtime.name,
        "commit": build.commit,
        "ref": build.ref,
        "pipeline_id": build.pipeline_id,
        "build_id": build.build_id,
        "build_arn": build.build_arn,
        "build_number": build.build_number,
        "image": build.image,
        "snapshot_sha256": build.snapshot_sha256 or None,
        "lock_sha256": record.lock_sha256 or None,
        "compiled": list(record.compiled),
        "tool_sha256": build.tool_sha256,
        "bucket": build.bucket,
        "key": stored.key,
        "version_id": stored.version_id,
        "sha256": stored.sha256.hex(),
        "sha256_base64": base64.b64encode(stored.sha256).decode(),
        "size_bytes": stored.size_bytes,
        "unzipped_bytes": stored.unzipped_bytes,
        "files": stored.files,
        "created_at": created_at,
    }


def manifest_bytes(document: dict[str, Any]) -> bytes:
    """Return the document as it is stored."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
