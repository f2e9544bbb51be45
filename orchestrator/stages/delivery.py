"""Brings a package and its documents here, and believes none of them before it is checked."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import ConfigurationError, Gone, Refused
from orchestrator.packaging.documents.places import MANIFEST_NAME, NAMES, PACKAGE_NAME
from orchestrator.plan.model import BuildPlan
from orchestrator.ports import Narrator, ObjectStore, Tracked
from orchestrator.stages.manifest import Manifest, parse_manifest
from orchestrator.stages.statement import check_statement

_MANIFEST_LIMIT_BYTES = 8 * 1024 * 1024
_DOCUMENT_LIMIT_BYTES = 64 * 1024 * 1024
_LOCK_NAME = NAMES["lock"]
# Everything that a delivery replaces or removes.
_FILES = (PACKAGE_NAME, MANIFEST_NAME, *NAMES.values())


@dataclass(frozen=True)
class Expected:
    """What must be true of a delivery, from those whom we believe.

    `key` gives the key of a file by its name. `manifest_sha256` is empty if nobody has told it. `invocation` and
    `builder` are what the provenance must say. `bound` is what else the manifest must say, if it is of a version
    that knows it: the ref, the pipeline, the ARN of the build. `accept` raises for a manifest that is too old.
    """

    item: BuildPlan
    project: str
    commit: str
    build_id: str
    manifest_sha256: str
    key: Callable[[str], str]
    invocation: str
    builder: str
    bound: Mapping[str, object] = field(default_factory=dict)
    accept: Callable[[Manifest], object] = field(default=lambda _: None)

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
    `tracked` tells which files are the user's own. What the file system refuses inside of `files` is a failure like any
    other: of one package, not of all that are brought.
    """

    write: Callable[[Path, bytes], object]
    inspect: Callable[[Path, BuildPlan], Sequence[str]]
    narrate: Narrator
    tracked: Tracked = field(default=lambda _folder, _names: ())
    files: Callable[[], AbstractContextManager[None]] = field(default=nullcontext)


def place_of(output: Path, package: str, *, several: bool) -> Path:
    """Return the folder for a package: `output` itself, or one below it for each where several come at once."""
    return output / package if several else output


def refuse_tracked(desk: Desk, output: Path) -> None:
    """Make sure that no file of the user would be replaced or removed; raises `ConfigurationError`.

    A lock of the user's may be the very one that comes home, which is known only once the manifest is.
    """
    with desk.files():
        own = desk.tracked(output, [name for name in _FILES if name != _LOCK_NAME])
    if own:
        raise _tracked(output, own)


def bring(expected: Expected, store: ObjectStore, desk: Desk, output: Path) -> Delivered:
    """Bring package and documents to `output`. Nothing has its final name there before all of it was checked.

    A package is whole when its manifest lies beside it: an older one is removed before anything changes, and the new
    one appears last. Raises `Refused` when anything is not what it claims to be, `Gone` when something has expired.
    """
    try:
        with desk.files():
            return _bring(expected, store, desk, output)
    except Gone as error:
        error.hint = f"build the commit again: {expected.commit}"
        raise


def _bring(expected: Expected, store: ObjectStore, desk: Desk, output: Path) -> Delivered:
    content = _manifest_bytes(expected, store)
    manifest = parse_manifest(content)
    _check_claims(manifest, expected, store.bucket)
    expected.accept(manifest)
    _refuse_other_lock(manifest, desk, output)
    documents = {name: _document(manifest, name, expected, store) for name in NAMES if manifest.digest_of(name)}
    if "provenance" in documents:
        check_statement(
            documents["provenance"],
            sha256=manifest.sha256,
            commit=expected.commit,
            invocation=expected.invocation,
            builder=expected.builder,
        )
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".unchecked-") as folder:
        unchecked = Path(folder, PACKAGE_NAME)
        store.download(
            manifest.key, manifest.version_id, unchecked, size_bytes=manifest.size_bytes, sha256=manifest.sha256
        )
        for line in desk.inspect(unchecked, expected.item):
            desk.narrate(line)
        # Written before anything is replaced, so that a full disk leaves what was there.
        for name, text in documents.items():
            desk.write(unchecked.with_name(NAMES[name]), text)
        desk.write(unchecked.with_name(MANIFEST_NAME), content)
        _put_in_place(unchecked.parent, output)
    return Delivered(build_id=expected.build_id, package=output / PACKAGE_NAME, manifest=manifest)


def _refuse_other_lock(manifest: Manifest, desk: Desk, output: Path) -> None:
    """Make sure that a lock that git tracks here would stay as it is, byte for byte."""
    own = desk.tracked(output, [_LOCK_NAME])
    if own and _digest_of(output / _LOCK_NAME) != manifest.digest_of("lock"):
        raise _tracked(output, own)


def _digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "no file"


def _tracked(output: Path, names: Sequence[str]) -> ConfigurationError:
    return ConfigurationError(
        "the package would replace files of the repository",
        detail=f"observed: git tracks {', '.join(f'`{name}`' for name in names)} in `{output}`\n"
        f"expected: a folder where git tracks none of {', '.join(f'`{name}`' for name in _FILES)}",
        hint="let them lie in a folder of their own: `--output dist`",
    )


def _put_in_place(checked: Path, output: Path) -> None:
    """Give all files their final names: first no manifest, then the others in place of older ones, then the manifest.

    Whoever is killed in between leaves a folder without a manifest, and so without a package that could be believed.
    """
    (output / MANIFEST_NAME).unlink(missing_ok=True)
    for name in (*NAMES.values(), PACKAGE_NAME):
        if (checked / name).exists():
            (checked / name).replace(output / name)
        else:
            (output / name).unlink(missing_ok=True)
    (checked / MANIFEST_NAME).replace(output / MANIFEST_NAME)


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
        claims |= expected.bound
    wrong = [
        f"{name}: observed {getattr(manifest, name)!a:.200}, expected {value!a:.200}"
        for name, value in claims.items()
        if getattr(manifest, name) != value
    ]
    if wrong:
        raise Refused(
            f"the manifest of `{expected.build_id}` describes another build",
            detail="\n".join(wrong),
            hint="do not use this package; find out how it came here",
        )
