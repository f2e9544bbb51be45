"""Phase post_build: check the package once more, store it and its manifest."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone

from orchestrator.errors import ConfigurationError, Refused
from orchestrator.packaging.documents.manifest import Stored, manifest, manifest_bytes
from orchestrator.packaging.files import sha256_of, write_whole
from orchestrator.packaging.inside.build import PackageRecord
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.store import put_new
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.packaging.inspection.inspect import inspect, refuse_findings


def deliver(build: Build, workspace: Workspace) -> str:
    """Store package and manifest; return one sentence.

    Does nothing when the build has failed. Raises Refused when the package changed since it was built, or
    when its key holds something else.
    """
    if not build.succeeding:
        return "nothing is delivered, because the build has failed (CODEBUILD_BUILD_SUCCEEDING is not 1)"
    record = _record(workspace)
    digest = sha256_of(workspace.package)
    if digest.hex() != record.sha256:
        raise Refused(
            "the package is not the one that was built",
            detail=f"observed: sha256 {digest.hex()}\nexpected: sha256 {record.sha256}",
            hint="find out which command of the build changed it",
        )
    inspected = inspect(workspace.package, build.settings.target)
    refuse_findings(inspected, build.settings.target)
    key = build.artifact_key("package.zip")
    version = put_new(build, key, workspace.package, digest, content_type="application/zip")
    size = workspace.package.stat().st_size
    stored = Stored(key, version, digest, size, inspected.unzipped_bytes, inspected.files)
    _deliver_manifest(build, workspace, record, stored)
    return f"delivered s3://{build.bucket}/{key} ({size} bytes, sha256 {digest.hex()})"


def _deliver_manifest(build: Build, workspace: Workspace, record: PackageRecord, stored: Stored) -> None:
    """Store the manifest; one that an earlier attempt of this build wrote is kept, with its time."""
    if not workspace.manifest.exists():
        now = datetime.now(timezone.utc).replace(microsecond=0).isoformat()
        write_whole(workspace.manifest, manifest_bytes(manifest(build, record, stored, created_at=now)))
    digest = hashlib.sha256(workspace.manifest.read_bytes())
    key = build.artifact_key("manifest.json")
    put_new(build, key, workspace.manifest, digest.digest(), content_type="application/json")
    write_whole(workspace.manifest_digest, f"{digest.hexdigest()}\n".encode())


def _record(workspace: Workspace) -> PackageRecord:
    try:
        document = json.loads(workspace.record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            "there is no package to deliver",
            detail="observed: the phase `build` has not ended well",
            hint="run the phases in their order",
        ) from None
    return PackageRecord(**{**document, "compiled": tuple(document["compiled"])})
