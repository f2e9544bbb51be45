"""Looking after a bucket: listing it, and deleting for good."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from instant import Instant

from orchestrator.effects import aws
from orchestrator.effects.account.shelves import S3Shelves
from orchestrator.effects.folder_store import FolderStore
from orchestrator.errors import Gone, OrchestratorError, Refused

REGION, ACCOUNT = "eu-central-1", "123456789012"


def shelves(bucket: str, account: str = ACCOUNT) -> S3Shelves:
    """Return what lies in a bucket, without pauses between attempts."""
    return S3Shelves(bucket, account, region=REGION, patience=Instant().patience)


def put(bucket: str, key: str, content: bytes) -> None:
    """Store an object, over what may be there."""
    aws.client("s3", REGION).put_object(Bucket=bucket, Key=key, Body=content)


def versions(bucket: str) -> list[str]:
    """Return the keys of all versions and marks that are left."""
    answer = aws.client("s3", REGION).list_object_versions(Bucket=bucket)
    return [item["Key"] for kind in ("Versions", "DeleteMarkers") for item in answer.get(kind, [])]


def test_what_lies_below_a_prefix_is_listed(bucket: str) -> None:
    """Keys, sizes and times of all objects below the prefix are given, over pages, and of no other."""
    for number in range(12):
        put(bucket, f"a/{number:02}", b"x" * number)
    put(bucket, "b/1", b"y")
    found = list(shelves(bucket).below("a/"))
    assert [(one.key, one.size_bytes) for one in found] == [(f"a/{number:02}", number) for number in range(12)]
    assert all(one.modified.tzinfo for one in found)
    assert list(shelves(bucket).below("c/")) == []


def test_an_erased_object_leaves_no_version(bucket: str) -> None:
    """All versions and marks of the keys go, their bytes are counted, and neighbours stay."""
    put(bucket, "a/package.zip", b"12345")
    put(bucket, "a/package.zip", b"123")
    put(bucket, "a/package.zip.old", b"1")
    put(bucket, "ab/package.zip", b"1")
    aws.client("s3", REGION).delete_object(Bucket=bucket, Key="a/package.zip")
    assert shelves(bucket).erase(["a/package.zip", "a/never-there"]) == 8
    assert sorted(versions(bucket)) == ["a/package.zip.old", "ab/package.zip"]
    assert shelves(bucket).erase(["a/package.zip"]) == 0
    assert shelves(bucket).erase([]) == 0


def test_a_bucket_of_somebody_else_loses_nothing(bucket: str) -> None:
    """Every call names the account that must own the bucket."""
    put(bucket, "a/1", b"x")
    foreign = shelves(bucket, "999999999999")
    for use in (lambda: list(foreign.below("a/")), lambda: foreign.erase(["a/1"])):
        with pytest.raises(OrchestratorError):
            use()
    assert versions(bucket) == ["a/1"]


def test_a_folder_is_read_as_a_bucket(tmp_path: Path) -> None:
    """A file is found under the last part of its key, and copied only if it is what it should be."""
    (tmp_path / "package.zip").write_bytes(b"PK")
    store = FolderStore("bucket", tmp_path)
    key, sha256 = "artifacts/p/0/1/package.zip", hashlib.sha256(b"PK").hexdigest()
    assert store.exists(key)
    assert store.read(key, limit_bytes=2) == b"PK"
    assert store.read_tagged("x/other", limit_bytes=2) is None
    store.download(key, "v1", tmp_path / "copy", size_bytes=2, sha256=sha256)
    assert (tmp_path / "copy").read_bytes() == b"PK"
    for size_bytes, digest in ((3, sha256), (2, "0" * 64)):
        with pytest.raises(Refused, match="not what its manifest says"):
            store.download(key, None, tmp_path / "bad", size_bytes=size_bytes, sha256=digest)
    assert not (tmp_path / "bad").exists()
    with pytest.raises(Refused, match="too large"):
        store.read(key, limit_bytes=1)
    with pytest.raises(Gone):
        store.read("x/other", limit_bytes=1)


def test_a_folder_is_never_written(tmp_path: Path) -> None:
    """A check changes nothing of what it looks at."""
    store = FolderStore("bucket", tmp_path)
    with pytest.raises(Refused):
        store.put_new("a/b", b"x", sha256="0" * 64)
    with pytest.raises(Refused):
        store.replace("a/b", b"x", tag=None)
    assert list(tmp_path.iterdir()) == []
