"""Phase post_build: check the package once more, store it with its documents, and the manifest last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import ConfigurationError, Refused
from orchestrator.packaging.documents.manifest import deposited, manifest_bytes
from orchestrator.packaging.documents.model import Stored
from orchestrator.packaging.documents.places import MANIFEST_NAME, NAMES, PACKAGE_NAME
from orchestrator.packaging.files import sha256_of, write_whole
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.store import put_new
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.packaging.inspection.inspect import inspect, refuse_findings

_CONTENT_TYPES = {".zip": "application/zip", ".json": "application/json", ".toml": "application/toml"}


def deliver(build: Build, workspace: Workspace) -> str:
    """Store the package, its documents and its manifest; return one sentence.

    Does nothing when the build has failed. Raises Refused when anything changed since it was built, or when a key
    holds something else.
    """
    if not build.succeeding:
        return "nothing is delivered, because the build has failed (CODEBUILD_BUILD_SUCCEEDING is not 1)"
    document = _manifest(workspace)
    _check_identity(build, document)
    files = {"": workspace.package, **{key: workspace.documents[key] for key in NAMES if document[f"{key}_sha256"]}}
    for key, file in files.items():
        _check_digest(file, document[f"{key}_sha256" if key else "sha256"])
    target = build.settings.target
    refuse_findings(inspect(workspace.package, target, allowed=build.settings.allow), target)
    stored = _store(build, files, document)
    write_whole(workspace.manifest, manifest_bytes(deposited(document, stored)))
    digest = _put(build, MANIFEST_NAME, workspace.manifest)[0]
    write_whole(workspace.manifest_digest, f"{digest}\n".encode())
    return f"delivered s3://{build.bucket}/{stored.key} ({document['size_bytes']} bytes, sha256 {document['sha256']})"


def _store(build: Build, files: Mapping[str, Path], document: Mapping[str, Any]) -> Stored:
    version = _put(build, PACKAGE_NAME, files[""])[1]
    for key in NAMES:
        if key in files:
            _put(build, NAMES[key], files[key])
    return Stored(
        bucket=build.bucket,
        key=build.artifact_key(PACKAGE_NAME),
        version_id=version,
        sbom_key=build.artifact_key(NAMES["sbom"]),
        provenance_key=build.artifact_key(NAMES["provenance"]),
        lock_key=build.artifact_key(NAMES["lock"]) if document["lock_sha256"] else None,
    )


def _put(build: Build, name: str, file: Path) -> tuple[str, str | None]:
    """Store one file of this build; return its sha256 in hex, and its version."""
    digest = sha256_of(file)
    version = put_new(build, build.artifact_key(name), file, digest, content_type=_CONTENT_TYPES[file.suffix])
    return digest.hex(), version


def _check_identity(build: Build, document: Mapping[str, Any]) -> None:
    """Compare the manifest, which build scripts could reach, with what CodeBuild says about this build."""
    settings = build.settings
    expected = {
        "project": settings.project,
        "package": settings.package,
        "kind": settings.kind,
        "architecture": settings.target.architecture,
        "runtime": settings.target.runtime.name,
        "commit": build.commit,
        "build_id": build.build_id,
        "tool_sha256": build.tool_sha256,
    }
    for name, value in expected.items():
        if document.get(name) != value:
            raise Refused(
                "the manifest of the package describes another build",
                detail=f"observed: {name} {document.get(name)!r}\nexpected: {value!r}",
                hint="find out which command of the build changed it",
            )


def _check_digest(file: Path, expected: str) -> None:
    observed = sha256_of(file).hex() if file.is_file() else "no such file"
    if observed != expected:
        raise Refused(
            f"`{file.name}` is not the one that was built",
            detail=f"observed: sha256 {observed}\nexpected: sha256 {expected}",
            hint="find out which command of the build changed it",
        )


def _manifest(workspace: Workspace) -> dict[str, Any]:
    try:
        document = json.loads(workspace.manifest.read_bytes())
    except FileNotFoundError:
        raise ConfigurationError(
            "there is no package to deliver",
            detail="observed: the phase `build` has not ended well",
            hint="run the phases in their order",
        ) from None
    return {"sha256": "", "sbom_sha256": "", "provenance_sha256": "", "lock_sha256": None, **document}
