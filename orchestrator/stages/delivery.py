"""Brings a package and its documents here, and believes none of them before it is checked."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Refused
from orchestrator.packaging.documents.places import MANIFEST_NAME, NAMES, PACKAGE_NAME
from orchestrator.plan.model import BuildPlan
from orchestrator.ports import Narrator, ObjectStore
from orchestrator.stages.manifest import Manifest, parse_manifest
from orchestrator.stages.statement import check_statement

_MANIFEST_LIMIT_BYTES = 8 * 1024 * 1024
_DOCUMENT_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Expected:
    """What must be true of a delivery, from those whom we believe.

    `key` gives the key of a file by its name. `manifest_sha256` is empty if nobody has told it. `invocation` and
    `builder` are what the provenance must say.
    """

    item: BuildPlan
    project: str
    commit: str
    build_id: str
    manifest_sha256: str
    key: Callable[[str], str]
    invocation: str
    builder: str

    def claims(self, bucket: str) -> dict[str, object]:
        """Return what the manifest must say."""
        return {
            "bucket": bucket,
            "project": self.project,
            "package": self.item.package,
            "kind": str(self.item.kind),
            "architecture": str(self.item.target.architecture),
            "runtime": self.item.target.runtime,
            "commit": self.commit,
            "build_id": self.build_id,
            "key": self.key(PACKAGE_NAME),
        }


@dataclass(frozen=True)
class Delivered:
    """A verified package in a local file."""

    build_id: str
    package: Path
    manifest: Manifest


@dataclass(frozen=True)
class Desk:
    """What a delivery touches here. `write` makes a file appear whole or not at all.

    `inspect` raises `Refused` for a package that cannot run on its target, and returns what else should be said.
    """

    write: Callable[[Path, bytes], object]
    inspect: Callable[[Path, BuildPlan], Sequence[str]]
    narrate: Narrator


def bring(expected: Expected, store: ObjectStore, desk: Desk, output: Path) -> Delivered:
    """Bring package and documents to `output`. Nothing has its final name there before all of it was checked.

    Raises `Refused` when anything is not what it claims to be.
    """
    content = _manifest_bytes(expected, store)
    manifest = parse_manifest(content)
    _check_claims(manifest, expected, store.bucket)
    documents = {name: _document(manifest, name, expected, store) for name in NAMES if manifest.digest_of(name)}
    if "provenance" in documents:
        check_statement(
            documents["provenance"],
            sha256=manifest.sha256,
            commit=expected.commit,
            invocation=expected.invocation,
            builder=expected.builder,
        )
    target = output / PACKAGE_NAME
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".unchecked-") as folder:
        unchecked = Path(folder, PACKAGE_NAME)
        store.download(
            manifest.key, manifest.version_id, unchecked, size_bytes=manifest.size_bytes, sha256=manifest.sha256
        )
        for line in desk.inspect(unchecked, expected.item):
            desk.narrate(line)
        _write(documents, desk, output)
        unchecked.replace(target)
    desk.write(output / MANIFEST_NAME, content)
    return Delivered(build_id=expected.build_id, package=target, manifest=manifest)


def _write(documents: Mapping[str, bytes], desk: Desk, output: Path) -> None:
    """Write the documents, and remove those that another package has left here."""
    for key, name in NAMES.items():
        if key in documents:
            desk.write(output / name, documents[key])
        else:
            (output / name).unlink(missing_ok=True)


def _manifest_bytes(expected: Expected, store: ObjectStore) -> bytes:
    """Return the manifest, which must have the digest that was told on another way than through S3."""
    content = store.read(expected.key(MANIFEST_NAME), limit_bytes=_MANIFEST_LIMIT_BYTES)
    observed = hashlib.sha256(content).hexdigest()
    if observed != expected.manifest_sha256:
        raise Refused(
            f"the manifest of `{expected.build_id}` is not the one the build wrote",
            detail=f"stored: sha256 {observed}\ntold by the build: sha256 {expected.manifest_sha256 or 'nothing'}",
            hint="do not use this package; find out who changed the object",
        )
    return content


def _document(manifest: Manifest, name: str, expected: Expected, store: ObjectStore) -> bytes:
    key = expected.key(NAMES[name])
    content = store.read(key, limit_bytes=_DOCUMENT_LIMIT_BYTES)
    observed = hashlib.sha256(content).hexdigest()
    if observed != manifest.digest_of(name):
        raise Refused(
            f"`s3://{store.bucket}/{key}` is not what its manifest says",
            detail=f"observed: sha256 {observed}\nexpected: sha256 {manifest.digest_of(name)}",
            hint="do not use this package; find out who changed the object",
        )
    return content


def _check_claims(manifest: Manifest, expected: Expected, bucket: str) -> None:
    claims = expected.claims(bucket)
    if manifest.schema_version > 1:
        claims |= {f"{name}_key": expected.key(NAMES[name]) for name in NAMES if manifest.digest_of(name)}
    wrong = [
        f"{name}: observed `{getattr(manifest, name)}`, expected `{value}`"
        for name, value in claims.items()
        if getattr(manifest, name) != value
    ]
    if wrong:
        raise Refused(
            f"the manifest of `{manifest.build_id}` describes another build",
            detail="\n".join(wrong),
            hint="do not use this package; find out how it came here",
        )
