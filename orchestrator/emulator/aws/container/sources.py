"""Bring a build's source into its directory: nothing, or a zip or folder from S3."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.aws.container.buildspec import is_inline
from orchestrator.emulator.aws.container.environment import Folders
from orchestrator.emulator.aws.container.failures import PhaseFailed
from orchestrator.emulator.aws.container.nodes import YamlFileError

_DEFAULT_BUILDSPEC = "buildspec.yml"


def download_all(build: Mapping[str, Any], folders: Folders, clients: Clients) -> None:
    """Download the primary source to `src` and the secondary ones to `src-<identifier>`."""
    download(build["source"], build.get("sourceVersion"), folders.source, clients)
    versions = {one["sourceIdentifier"]: one["sourceVersion"] for one in build.get("secondarySourceVersions", [])}
    for source in build.get("secondarySources", []):
        name = source["sourceIdentifier"]
        download(source, versions.get(name), folders.secondary_source(name), clients)


def download(source: Mapping[str, Any], version: str | None, directory: Path, clients: Clients) -> None:
    """Fill `directory` from `source` (a ProjectSource); `version` is an S3 version id.

    Raises PhaseFailed (`CLIENT_ERROR`) when it cannot be had, or for a source type the emulator lacks.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if source["type"] == "NO_SOURCE":
        return
    if source["type"] != "S3":
        raise PhaseFailed("CLIENT_ERROR", f"the emulator has no source of type {source['type']}, only S3 and NO_SOURCE")
    bucket, _, key = str(source.get("location", "")).removeprefix("arn:aws:s3:::").partition("/")
    if key == "" or key.endswith("/"):
        _download_folder(bucket, key, directory, clients)
    else:
        _download_zip(bucket, key, version, directory, clients)


def buildspec_text(source: Mapping[str, Any], directory: Path, clients: Clients) -> str:
    """Return the buildspec: inline, from S3 by ARN, or a file of the source.

    Raises YamlFileError when there is no such file, as the real service does.
    """
    declared = str(source.get("buildspec", ""))
    if is_inline(declared):
        return declared
    if declared.startswith("arn:aws:s3:::"):
        bucket, _, key = declared.removeprefix("arn:aws:s3:::").partition("/")
        return str(_get(clients, Bucket=bucket, Key=key)["Body"].read().decode(errors="replace"))
    path = directory / (declared or _DEFAULT_BUILDSPEC)
    if not path.is_file():
        raise YamlFileError(f"stat {path}: no such file or directory")
    return path.read_text(encoding="utf-8", errors="replace")


def _download_zip(bucket: str, key: str, version: str | None, directory: Path, clients: Clients) -> None:
    request = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    archive = directory.with_suffix(".download")
    try:
        with archive.open("wb") as stream:
            shutil.copyfileobj(_get(clients, **request)["Body"], stream)
        with zipfile.ZipFile(archive) as opened:
            _extract(opened, directory)
    except zipfile.BadZipFile as error:
        raise PhaseFailed("CLIENT_ERROR", f"s3://{bucket}/{key} is not a zip archive") from error
    finally:
        archive.unlink(missing_ok=True)


def _extract(archive: zipfile.ZipFile, directory: Path) -> None:
    """Extract with permissions (`extractall` drops them, and scripts must stay executable)."""
    for entry in archive.infolist():
        path = Path(archive.extract(entry, directory))
        mode = (entry.external_attr >> 16) & 0o777
        if mode and not entry.is_dir():
            path.chmod(mode | 0o600)


def _download_folder(bucket: str, prefix: str, directory: Path, clients: Clients) -> None:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for entry in (item for page in pages for item in page.get("Contents", [])):
        relative = entry["Key"][len(prefix) :]
        target = (directory / relative).resolve()
        if not relative or relative.endswith("/") or not target.is_relative_to(directory.resolve()):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        clients.s3.download_file(bucket, entry["Key"], str(target))


def _get(clients: Clients, **request: str) -> Any:
    from botocore.exceptions import ClientError

    try:
        return clients.s3.get_object(**request)
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        place = f"s3://{request['Bucket']}/{request['Key']}"
        raise PhaseFailed("CLIENT_ERROR", f"{code}: {message} for {place}") from error
