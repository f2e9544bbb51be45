"""The snapshot of a commit: downloaded, proven to be that commit, then extracted."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import MachineryError, Refused
from orchestrator.packaging.inside.aws import client, wrapped
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.untar import SIZE_LIMIT_BYTES, extract
from orchestrator.packaging.inside.workspace import Workspace

_CHUNK_BYTES = 1024 * 1024


def fetch_snapshot(build: Build, workspace: Workspace) -> int:
    """Download, check and extract; return the number of files.

    Raises Refused when the archive is not the one `orchestrator build` stored, or not safe to extract.
    """
    packed, tar = workspace.private / "snapshot.tar.gz", workspace.private / "snapshot.tar"
    key = build.key("snapshots", f"{build.commit}.tar.gz")
    with _removed(packed, tar):
        with wrapped(f"cannot fetch `s3://{build.bucket}/{key}`"), packed.open("wb") as output:
            answer = client("s3").get_object(Bucket=build.bucket, Key=key, ExpectedBucketOwner=build.account)
            shutil.copyfileobj(answer["Body"], output, _CHUNK_BYTES)
        digest = unpack(packed, tar)
        if digest != build.snapshot_sha256:
            raise Refused(
                f"the snapshot of commit {build.commit} is not the one that was stored for this build",
                detail=f"observed: sha256 {digest}\nexpected: sha256 {build.snapshot_sha256}",
                hint="find out who changed the object, then start the build again",
            )
        check_commit(tar, build.commit)
        shutil.rmtree(workspace.tree, ignore_errors=True)
        return extract(tar, workspace.tree)


def unpack(packed: Path, tar: Path) -> str:
    """Decompress with a limit; return the sha256 of the tar in hex."""
    digest, size = hashlib.sha256(), 0
    with packed.open("rb") as source, tar.open("wb") as output:
        for block in _inflate(source):
            size += len(block)
            if size > SIZE_LIMIT_BYTES:
                raise Refused(
                    "the snapshot is too large", detail=f"observed: over {SIZE_LIMIT_BYTES} bytes uncompressed"
                )
            digest.update(block)
            try:
                output.write(block)
            except OSError as error:
                raise MachineryError("cannot store the snapshot", detail=str(error)) from error
    return digest.hexdigest()


def check_commit(tar: Path, commit: str) -> None:
    """Compare the commit that `git archive` wrote into the tar (what `git get-tar-commit-id` reads)."""
    try:
        with tarfile.open(tar, "r:") as archive:
            observed = archive.pax_headers.get("comment", "nothing")
    except tarfile.TarError as error:
        raise Refused("the snapshot is not a tar archive", detail=str(error)) from None
    if observed != commit:
        raise Refused(
            "the snapshot holds another commit",
            detail=f"observed: {observed[:80]!a}, expected: {commit}",
            hint="find out who stored the object, then start the build again",
        )


def _inflate(source: BinaryIO) -> Iterator[bytes]:
    """Yield the content of one gzip stream in blocks of bounded size, whatever its ratio is."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        while block := source.read(_CHUNK_BYTES):
            while block and not inflater.eof:
                yield inflater.decompress(block, _CHUNK_BYTES)
                block = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as error:
        raise Refused("the snapshot is not a gzip file", detail=str(error)) from None
    if not inflater.eof:
        raise MachineryError("the snapshot ends too early", hint="start the build again")


@contextlib.contextmanager
def _removed(*files: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for file in files:
            file.unlink(missing_ok=True)
