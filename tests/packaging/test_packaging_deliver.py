"""What `deliver` still believes after build scripts have run, and what it stores."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from document_facts import BUILD_ID, COMMIT, ORIGIN, make_facts, make_wheel

from orchestrator.errors import ConfigurationError, Refused
from orchestrator.packaging.documents.bundle import documents
from orchestrator.packaging.inside import deliver as module
from orchestrator.packaging.inside.context import Build, read_build
from orchestrator.packaging.inside.deliver import deliver
from orchestrator.packaging.inside.workspace import Workspace

SETTINGS = {
    "project": "demo",
    "package": "parser",
    "kind": "function",
    "architecture": "arm64",
    "runtime": "python3.12",
    "source": "src",
    "fetch": "snapshot",
    "trigger": {"api_url": "https://gitlab.example.com/api/v4", "project": "7", "token_parameter": "/x"},
}
VARIABLES = {
    "ORCHESTRATOR_SETTINGS": json.dumps(SETTINGS),
    "CODEBUILD_BUILD_ID": BUILD_ID,
    "CODEBUILD_BUILD_ARN": ORIGIN.build_arn,
    "CODEBUILD_BUILD_SUCCEEDING": "1",
    "ORCHESTRATOR_COMMIT_SHA": COMMIT,
    "ORCHESTRATOR_REF": "main",
    "ORCHESTRATOR_SNAPSHOT_SHA256": ORIGIN.snapshot_sha256,
    "ORCHESTRATOR_TOOL_SHA256": ORIGIN.tool_sha256,
    "ORCHESTRATOR_BUCKET": "bucket",
    "ORCHESTRATOR_PREFIX": "",
}


class Delivery:
    """A build whose phase `build` has ended well, and a bucket in a dictionary."""

    def __init__(self, folder: Path) -> None:
        self.build = read_build(VARIABLES)
        self.workspace = Workspace(folder / "private", folder)
        self.workspace.private.mkdir()
        facts = make_facts(self.workspace.private, make_wheel(folder, "fast"))
        documents(facts, ORIGIN, self.workspace.cache).write(self.workspace.manifest, self.workspace.documents)
        self.stored: dict[str, bytes] = {}

    def put(self, build: Build, key: str, file: Path, sha256: bytes, *, content_type: str) -> str | None:
        assert hashlib.sha256(file.read_bytes()).digest() == sha256
        assert content_type
        content = file.read_bytes()
        if self.stored.setdefault(key.rpartition("/")[2], content) != content:
            raise Refused("it already holds something else", hint="look")
        return "version-1"

    def run(self) -> str:
        return deliver(self.build, self.workspace)

    def change(self, **changes: Any) -> None:
        document = json.loads(self.workspace.manifest.read_bytes())
        self.workspace.manifest.write_text(json.dumps({**document, **changes}))


@pytest.fixture
def delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    """Return a delivery that nothing has spoiled yet."""
    made = Delivery(tmp_path)
    monkeypatch.setattr(module, "put_new", made.put)
    return made


def test_everything_is_stored_and_the_manifest_says_where(delivery: Delivery) -> None:
    """Package, SBOM, provenance, lock and then the manifest, whose digest leaves through CodeBuild."""
    delivery.run()
    assert list(delivery.stored) == [
        "package.zip",
        "sbom.cdx.json",
        "provenance.json",
        "pylock.toml",
        "manifest.json",
    ]
    manifest = json.loads(delivery.stored["manifest.json"])
    folder = f"artifacts/demo-parser/{COMMIT}/{BUILD_ID.partition(':')[2]}"
    assert (manifest["bucket"], manifest["version_id"]) == ("bucket", "version-1")
    for name, key in {"key": "package.zip", "sbom_key": "sbom.cdx.json", "lock_key": "pylock.toml"}.items():
        assert manifest[name] == f"{folder}/{key}"
    for name, file in {"sbom": "sbom.cdx.json", "provenance": "provenance.json", "lock": "pylock.toml"}.items():
        assert manifest[f"{name}_sha256"] == hashlib.sha256(delivery.stored[file]).hexdigest()
    told = delivery.workspace.manifest_digest.read_text().strip()
    assert told == hashlib.sha256(delivery.stored["manifest.json"]).hexdigest()


def test_a_second_attempt_stores_the_same(delivery: Delivery) -> None:
    """Delivering twice leaves the same objects and the same digest."""
    first = (delivery.run(), delivery.workspace.manifest_digest.read_text())
    assert (delivery.run(), delivery.workspace.manifest_digest.read_text()) == first


@pytest.mark.parametrize("name", ["package", "sbom", "provenance", "lock"])
def test_what_a_build_script_changes_is_refused(delivery: Delivery, name: str) -> None:
    """A file that is not the one that `build` has finished, or is gone, ends the delivery before it begins."""
    file: Path = getattr(delivery.workspace, name)
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(Refused, match="not the one that was built"):
        delivery.run()
    file.unlink()
    with pytest.raises(Refused, match="not the one that was built"):
        delivery.run()
    assert delivery.stored == {}


@pytest.mark.parametrize(
    "lie",
    [
        {"commit": "f" * 40},
        {"build_id": BUILD_ID[:-1] + "f"},
        {"project": "other"},
        {"package": "other"},
        {"architecture": "x86_64"},
        {"kind": "layer"},
        {"tool_sha256": "0" * 64},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_manifest_about_another_build_is_refused(delivery: Delivery, lie: dict[str, Any]) -> None:
    """What CodeBuild says about the build wins over what lies in its folder."""
    delivery.change(**lie)
    with pytest.raises(Refused, match="another build"):
        delivery.run()
    assert delivery.stored == {}


def test_nothing_leaves_a_failed_build(delivery: Delivery) -> None:
    """A build that has failed stores nothing, and one that made nothing says which phase is missing."""
    delivery.build = replace(delivery.build, succeeding=False)
    assert "nothing is delivered" in delivery.run()
    delivery.build = replace(delivery.build, succeeding=True)
    delivery.workspace.manifest.unlink()
    with pytest.raises(ConfigurationError, match="no package to deliver"):
        delivery.run()
    assert delivery.stored == {}
