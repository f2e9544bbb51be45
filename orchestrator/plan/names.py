"""Names and keys. No ref name ever becomes part of one."""

from __future__ import annotations

import hashlib
import re

PROJECT_NAME_LIMIT = 150
_BUILD_ID = re.compile(
    r"(?P<project>[A-Za-z0-9][A-Za-z0-9_-]{1,149}):"
    r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
)


def codebuild_project(project: str, package: str) -> str:
    """Name the CodeBuild project of a package (`[A-Za-z0-9][A-Za-z0-9_-]{1,149}`, CodeBuild API).

    A name over the limit is cut and ends in a digest of the whole, so two names never become one.
    """
    name = f"{project}-{package}"
    if len(name) <= PROJECT_NAME_LIMIT:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: PROJECT_NAME_LIMIT - 13]}-{digest}"


def split_build_id(build_id: str) -> tuple[str, str] | None:
    """Return project and UUID of a build id, or None if it is not one."""
    match = _BUILD_ID.fullmatch(build_id)
    return (match["project"], match["uuid"]) if match else None


def snapshot_key(prefix: str, sha: str) -> str:
    """Where the archive of a commit is stored."""
    return _join(prefix, "snapshots", f"{sha}.tar.gz")


def tool_key(prefix: str, sha256: str) -> str:
    """Where the zipapp that works inside the build is stored."""
    return _join(prefix, "tools", f"{sha256}.pyz")


def package_key(prefix: str, codebuild_project: str, sha: str, build_uuid: str) -> str:
    """Where a build delivers its package: no other build ever has this key."""
    return _join(prefix, "artifacts", codebuild_project, sha, build_uuid, "package.zip")


def manifest_key(prefix: str, codebuild_project: str, sha: str, build_uuid: str) -> str:
    """Where a build delivers the manifest of its package."""
    return _join(prefix, "artifacts", codebuild_project, sha, build_uuid, "manifest.json")


def _join(prefix: str, *parts: str) -> str:
    return "/".join((prefix, *parts) if prefix else parts)
