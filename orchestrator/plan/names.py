"""Names and keys. No ref name ever becomes part of one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

PROJECT_NAME_LIMIT = 150
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PROJECT = r"[A-Za-z0-9][A-Za-z0-9_-]{1,149}"
_ASSEMBLED_ID = re.compile(
    rf"assembled:(?P<project>{_PROJECT}):(?P<commit>[0-9a-f]{{40}}):(?P<uuid>{_UUID}):(?P<digest>[0-9a-f]{{64}})"
)
_BUILD_ID = re.compile(rf"(?P<project>{_PROJECT}):(?P<uuid>{_UUID})")


@dataclass(frozen=True)
class AssembledId:
    """Names a package that the job `build` has made itself, and the manifest that it stored with it.

    `manifest_sha256` is empty while the manifest, which holds the rest of the id, is being written.
    """

    codebuild_project: str
    commit: str
    uuid: str
    manifest_sha256: str = ""

    def __str__(self) -> str:
        parts = ("assembled", self.codebuild_project, self.commit, self.uuid, self.manifest_sha256)
        return ":".join(part for part in parts if part)

    @property
    def build_id(self) -> str:
        """The id as the documents of the package have it, which cannot hold a digest of themselves."""
        return str(replace(self, manifest_sha256=""))


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


def split_assembled_id(text: str) -> AssembledId | None:
    """Return the parts of the id of a package that the job `build` has made itself, or None if it is not one."""
    match = _ASSEMBLED_ID.fullmatch(text)
    return AssembledId(match["project"], match["commit"], match["uuid"], match["digest"]) if match else None


def snapshot_key(prefix: str, sha: str) -> str:
    """Where the archive of a commit is stored."""
    return _join(prefix, "snapshots", f"{sha}.tar.gz")


def tool_key(prefix: str, sha256: str) -> str:
    """Where the zipapp that works inside the build is stored."""
    return _join(prefix, "tools", f"{sha256}.pyz")


def artifact_key(prefix: str, codebuild_project: str, sha: str, build_uuid: str, name: str) -> str:
    """Where a build delivers one of its files: no other build ever has this key."""
    return _join(prefix, "artifacts", codebuild_project, sha, build_uuid, name)


def assembled_key(prefix: str, made: AssembledId, name: str) -> str:
    """Where the job `build` stores one of the files of a package that it has made itself. No build may write there."""
    return _join(prefix, "assembled", made.codebuild_project, made.commit, made.uuid, name)


def verified_key(prefix: str, codebuild_project: str, sha: str) -> str:
    """Where it is noted which package of a commit postbuild has verified. No build may write there."""
    return _join(prefix, "handback", codebuild_project, f"{sha}.json")


def passed_key(prefix: str, codebuild_project: str, sha: str, environment: str) -> str:
    """Where it is noted which package of a commit has passed an environment. No build may write there."""
    return _join(prefix, "handback", codebuild_project, f"{sha}.{environment}")


def _join(prefix: str, *parts: str) -> str:
    return "/".join((prefix, *parts) if prefix else parts)
