"""Carry a build's artifacts to S3: as one zip, or as files (AWS docs: API ProjectArtifacts)."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.aws.codebuild import arns
from orchestrator.emulator.aws.container import selection
from orchestrator.emulator.aws.container.buildspec import Artifacts, Buildspec
from orchestrator.emulator.aws.container.environment import Folders
from orchestrator.emulator.aws.container.failures import PhaseFailed

Expand = Callable[[list[str]], list[str]]


@dataclass(frozen=True)
class Upload:
    """One artifact of one build: where the project wants it (`target`), what the buildspec selects (`spec`)."""

    build: Mapping[str, Any]
    target: Mapping[str, Any]
    spec: Artifacts
    source: Path
    scratch: Path

    def run(self, clients: Clients, expand: Expand) -> dict[str, Any]:
        """Upload, and return the members to add to the build's artifact: `location` and checksums.

        `expand` fills in shell variables. Raises PhaseFailed (`CLIENT_ERROR`) when nothing matches.
        """
        base, files = self._select(expand)
        prefix = self._key(expand)
        bucket = str(self.target.get("location", "")).removeprefix("arn:aws:s3:::")
        metadata = {"codebuild-buildarn": str(self.build["arn"])}
        result: dict[str, Any] = {"location": f"arn:aws:s3:::{bucket}/{prefix}"}
        try:
            if self.target.get("packaging") == "ZIP":
                result |= self._upload_zip(clients, bucket, prefix, base, files, metadata)
            else:
                for path in files:
                    key = "/".join(filter(None, (prefix, self._member(path))))
                    clients.s3.upload_file(str(base / path), bucket, key, ExtraArgs={"Metadata": metadata})
        except _upload_errors() as error:
            raise PhaseFailed("CLIENT_ERROR", f"Error in UPLOAD_ARTIFACTS phase: {error}") from error
        return result

    def _select(self, expand: Expand) -> tuple[Path, Sequence[PurePosixPath]]:
        base_directory, *patterns = expand([self.spec.base_directory, *self.spec.files])
        base = (self.source / base_directory).resolve()
        if "*" in base_directory:
            found = sorted(path for path in self.source.glob(base_directory) if path.is_dir())
            base = found[0] if found else base
        if not base.is_dir():
            raise PhaseFailed("CLIENT_ERROR", f"no matching base directory path found for {base_directory}")
        files = selection.select(base, patterns, self.spec.exclude_paths)
        if not files:
            raise PhaseFailed("CLIENT_ERROR", "no matching artifact paths found")
        return base, files

    def _key(self, expand: Expand) -> str:
        """Return `path/build-uuid/name`, without the parts that the project does not ask for."""
        name = str(self.target.get("name", ""))
        if self.target.get("overrideArtifactName") and self.spec.name:
            name = expand([self.spec.name])[0]
        namespace = ""
        if self.target.get("namespaceType") == "BUILD_ID":
            namespace = arns.build_uuid(str(self.build["id"]))
        parts = (self.spec.s3_prefix, str(self.target.get("path", "")), namespace, name)
        return "/".join(part.strip("/") for part in parts if part.strip("/"))

    def _member(self, path: PurePosixPath) -> str:
        return path.name if self.spec.discard_paths else str(path)

    def _upload_zip(
        self,
        clients: Clients,
        bucket: str,
        key: str,
        base: Path,
        files: Sequence[PurePosixPath],
        metadata: dict[str, str],
    ) -> dict[str, str]:
        archive = self.scratch / f"artifact-{self.target.get('artifactIdentifier', 'primary')}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            for path in files:
                opened.write(base / path, self._member(path))
        content = archive.read_bytes()
        sums = {
            "sha256sum": hashlib.sha256(content).hexdigest(),
            "md5sum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        }
        metadata |= {f"codebuild-content-{name.removesuffix('sum')}": text for name, text in sums.items()}
        clients.s3.upload_file(str(archive), bucket, key, ExtraArgs={"Metadata": metadata})
        archive.unlink()
        return sums


def upload_all(
    build: Mapping[str, Any], buildspec: Buildspec, folders: Folders, clients: Clients, expand: Expand
) -> dict[str, Any]:
    """Upload the primary and all secondary artifacts; return the build's members that tell where they are."""

    def stored(target: Mapping[str, Any], spec: Artifacts | None) -> dict[str, Any]:
        if target["type"] != "S3" or spec is None:
            return {}
        return Upload(build, target, spec, folders.source, folders.temporary).run(clients, expand)

    secondary = [
        told | stored(target, buildspec.secondary_artifacts.get(target.get("artifactIdentifier", "")))
        for told, target in zip(build["secondaryArtifacts"], build["projectSecondaryArtifacts"], strict=True)
    ]
    primary = build["artifacts"] | stored(build["projectArtifacts"], buildspec.artifacts)
    return {"artifacts": primary, "secondaryArtifacts": secondary}


def _upload_errors() -> tuple[type[Exception], ...]:
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError

    return (S3UploadFailedError, ClientError, BotoCoreError)
