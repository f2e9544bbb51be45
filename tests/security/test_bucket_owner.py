"""Every call of S3 names the account that must own the bucket, and every upload is for a key that is free."""

from __future__ import annotations

import ast
import hashlib
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.client
import pytest
from botocore import xform_name
from botocore.response import StreamingBody
from botocore.session import get_session

import orchestrator
from orchestrator.effects.account.buckets import AccountBuckets
from orchestrator.effects.account.shelves import S3Shelves
from orchestrator.effects.build_logs import CloudWatchPages
from orchestrator.effects.store import S3Store
from orchestrator.errors import OrchestratorError
from orchestrator.handback.event import BuildId
from orchestrator.handback.marker import Claim, Markers
from orchestrator.packaging.inside.snapshot import fetch_snapshot
from orchestrator.packaging.inside.store import put_new
from orchestrator.packaging.inside.wheel_store import StoredKeep

ACCOUNT, BUCKET, REGION = "123456789012", "bucket", "eu-central-1"
HERE = Path(orchestrator.__file__).parent
ROOMS = (HERE / "effects", HERE / "handback", HERE / "packaging")
CONTENT = b"content"
SHA256 = hashlib.sha256(CONTENT)
Place = tuple[str, int]


def call_sites() -> Iterator[tuple[Path, range]]:
    """Give each place in our sources that calls an operation of S3, as its file and lines."""
    model = get_session().get_service_model("s3")
    operations = {xform_name(name) for name in model.operation_names}
    files = [file for room in ROOMS for file in room.rglob("*.py")]
    for file in (file for file in files if file.parent.name != "account" or file.name == "shelves.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in operations:
                yield file, range(node.lineno, (node.end_lineno or node.lineno) + 1)


class Recorder:
    """Stands in for AWS: answers everything, and keeps what S3 was asked and from which lines."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.lines: set[Place] = set()

    def call(self, client: Any, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert client.meta.service_model.service_name == "s3"
        self.asked.append((operation, asked))
        frame: Any = sys._getframe()
        while frame is not None:
            self.lines.add((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        body = StreamingBody(io.BytesIO(CONTENT), len(CONTENT))
        return {"Name": BUCKET, "Body": body, "ETag": '"1"', "ContentLength": len(CONTENT), "Metadata": {}}


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Return what stands in for AWS."""
    made = Recorder()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    # A plain function, so that it becomes a method of the client.
    def call(client: Any, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        return made.call(client, operation, asked)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return made


def _use_everything(tmp_path: Path) -> None:
    store, digest = S3Store(BUCKET, ACCOUNT, region=REGION), SHA256.hexdigest()
    (file := tmp_path / "wheel-1-py3-none-any.whl").write_bytes(CONTENT)
    store.check_owner()
    store.exists("key")
    store.put_new("key", CONTENT, sha256=digest)
    store.put_new("key", file, sha256=digest)
    store.read("key", limit_bytes=100)
    store.read_tagged("key", limit_bytes=100)
    store.replace("key", CONTENT, tag=None)
    store.replace("key", CONTENT, tag='"1"')
    store.download("key", "version", tmp_path / "target", size_bytes=len(CONTENT), sha256=digest)

    shelves = S3Shelves(BUCKET, ACCOUNT, region=REGION)
    assert list(shelves.below("prefix/")) == []
    shelves.erase(["prefix/key"])
    shelves._delete([("prefix/key", "version")])
    logged: Any = SimpleNamespace(stored_log=f"{BUCKET}/log.gz", account=ACCOUNT, region=REGION)
    list(CloudWatchPages(REGION).stored(logged))

    build = BuildId("demo-parser", "0f0e0d0c-1111-2222-3333-444455556666")
    settings: Any = SimpleNamespace(bucket=BUCKET, account=ACCOUNT, prefix="", region=REGION)
    markers = Markers(settings, sleep=lambda _: None)
    markers.claim(build, lease_seconds=10)
    for close in (markers.close, markers.release, lambda claim: markers.settle(claim, "7")):
        close(Claim(build, '"1"', again=False))
    with suppress(OrchestratorError):  # what is stored here is no marker
        markers._get(build)

    inside: Any = SimpleNamespace(
        bucket=BUCKET, account=ACCOUNT, build_id=str(build), commit="0" * 40, snapshot_sha256="", key="/".join
    )
    inside.key = lambda *parts: "/".join(parts)
    workspace: Any = SimpleNamespace(private=tmp_path, tree=tmp_path / "tree")
    with suppress(OrchestratorError):  # nor is it a snapshot
        fetch_snapshot(inside, workspace)
    put_new(inside, "key", file, SHA256.digest(), content_type="application/zip")
    StoredKeep(inside, tmp_path / "kept", lambda line: None).get("0" * 64)


def test_every_call_names_the_owner_and_no_upload_overwrites(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that somebody else has made under our name gets nothing and gives nothing, wherever S3 is called."""
    _use_everything(tmp_path)
    _take_the_other_way(recorder, tmp_path, monkeypatch)
    assert {asked.get("ExpectedBucketOwner") for _, asked in recorder.asked} == {ACCOUNT}
    uploads = [asked for operation, asked in recorder.asked if operation.startswith(("Put", "Create", "Copy"))]
    assert uploads
    assert all(asked.get("IfNoneMatch") == "*" or asked.get("IfMatch") for asked in uploads)
    # Only the records of a way home may change; what a build or a job delivers may not.
    assert {asked["Key"].split("/")[0] for asked in uploads if "IfMatch" in asked} == {"handback", "key"}
    missed = [
        f"{file.relative_to(HERE)}:{lines.start}"
        for file, lines in call_sites()
        if not any((str(file), line) in recorder.lines for line in lines)
    ]
    assert missed == [], "these calls of S3 were not looked at: use them in `_use_everything`"


def test_a_person_touches_own_buckets_only(recorder: Recorder) -> None:
    """Whoever looks through, empties and removes buckets names their owner each time."""
    buckets = AccountBuckets(ACCOUNT, REGION)
    assert buckets.exists(BUCKET)
    assert buckets.keys(BUCKET) == []
    assert buckets.read(BUCKET, "key") == CONTENT
    assert buckets.empty(BUCKET, "prefix/") == 0
    buckets.remove(BUCKET)
    assert [operation for operation, asked in recorder.asked if asked.get("ExpectedBucketOwner") != ACCOUNT] == []
    assert len(recorder.asked) == 5


def _take_the_other_way(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask what is stored where something is stored already."""

    def taken(client: Any, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        answer = recorder.call(client, operation, asked)
        if operation == "PutObject":
            raise botocore.client.ClientError({"Error": {"Code": "PreconditionFailed"}}, operation)
        return answer

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", taken)
    inside: Any = SimpleNamespace(bucket=BUCKET, account=ACCOUNT)
    (file := tmp_path / "file").write_bytes(CONTENT)
    with suppress(OrchestratorError):
        put_new(inside, "key", file, SHA256.digest(), content_type="application/zip")
    with suppress(OrchestratorError):
        S3Store(BUCKET, ACCOUNT, region=REGION).put_new("key", CONTENT, sha256="0" * 64)
