"""Kept wheels: found again under exactly what shaped them, and never believed without their digest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from orchestrator.packaging.inside.context import Build, read_build
from orchestrator.packaging.inside.wheel_store import StoredKeep
from orchestrator.packaging.lock.model import LockedFile, LockedSource, PlannedPackage, Verdict
from orchestrator.packaging.runtimes import Target, target_of
from orchestrator.packaging.wheels.keep import Builder, FolderKeep, WheelKeep, differences, keep_digest, shape
from orchestrator.packaging.wheels.model import SystemLibrary, Wheel
from orchestrator.packaging.wheels.system_packages import Installed
from tests.packaging.conftest import ACCOUNT, BUCKET, BUILD_ID

SDIST = PlannedPackage("rocket", "1.0", Verdict.COMPILE, "", LockedFile("rocket-1.0.tar.gz", "a" * 64, "https://index"))
COMMIT = replace(SDIST, file=None, source=LockedSource(url="https://host/rocket", vcs="git", commit="b" * 40))
TARGET = target_of("arm64", "python3.13")
BUILDER = Builder("image:3.0", "3.13.0", "uv 0.13.9", "e" * 64, (Installed("libpq-devel", "1-1"),))
DIGEST = "d" * 64


def digest_of(
    package: PlannedPackage, target: Target, environment: dict[str, str], asked: list[str], by: Builder
) -> str:
    """Return the digest under which a package is kept."""
    shaped = shape(package, target, environment, asked, by)
    assert shaped is not None
    return keep_digest(shaped)


def _runtime(**members: Any) -> Target:
    return replace(TARGET, runtime=replace(TARGET.runtime, **members))


@pytest.mark.parametrize(
    "other",
    [
        (replace(SDIST, file=LockedFile("rocket-1.0.tar.gz", "c" * 64)), TARGET, {"A": "1"}, ["x"], BUILDER),
        (COMMIT, TARGET, {"A": "1"}, ["x"], BUILDER),
        (SDIST, target_of("x86_64", "python3.13"), {"A": "1"}, ["x"], BUILDER),
        (SDIST, target_of("arm64", "python3.12"), {"A": "1"}, ["x"], BUILDER),
        (SDIST, _runtime(system="Amazon Linux 2027"), {"A": "1"}, ["x"], BUILDER),
        (SDIST, _runtime(versions={**TARGET.runtime.versions, "GLIBC": (2, 40)}), {"A": "1"}, ["x"], BUILDER),
        (SDIST, _runtime(guaranteed=TARGET.runtime.guaranteed | {"libx.so.1"}), {"A": "1"}, ["x"], BUILDER),
        (SDIST, TARGET, {"A": "2"}, ["x"], BUILDER),
        (SDIST, TARGET, {"A": "1", "B": ""}, ["x"], BUILDER),
        (SDIST, TARGET, {"A": "1"}, ["x", "y"], BUILDER),
        (SDIST, TARGET, {"A": "1"}, ["x"], replace(BUILDER, image="image:4.0")),
        (SDIST, TARGET, {"A": "1"}, ["x"], replace(BUILDER, python="3.13.1")),
        (SDIST, TARGET, {"A": "1"}, ["x"], replace(BUILDER, uv="uv 0.14.0")),
        (SDIST, TARGET, {"A": "1"}, ["x"], replace(BUILDER, system="f" * 64)),
        (SDIST, TARGET, {"A": "1"}, ["x"], replace(BUILDER, surroundings={"CPATH": "/opt"})),
        (SDIST, TARGET, {"A": "1"}, ["x"], replace(BUILDER, indexes=("https://index/simple",))),
        (SDIST, TARGET, {"A": "1"}, ["x"], replace(BUILDER, system_packages=(Installed("libpq-devel", "2-1"),))),
    ],
)
def test_whatever_shapes_a_wheel_changes_its_digest(
    other: tuple[PlannedPackage, Target, dict[str, str], list[str], Builder],
) -> None:
    """No wheel is ever taken for another one, and the difference can be named."""
    mine = (SDIST, TARGET, {"A": "1"}, ["x"], BUILDER)
    assert digest_of(*mine) != digest_of(*other)
    before, now = shape(*mine), shape(*other)
    assert before is not None
    assert now is not None
    assert differences(now, before)


def test_the_order_of_things_does_not_matter_and_no_value_is_told() -> None:
    """Equal inputs have one digest; what is printed of variables is not their content."""
    one = shape(SDIST, TARGET, {"A": "canary", "B": "2"}, ["x", "y"], BUILDER)
    two = shape(SDIST, TARGET, {"B": "2", "A": "canary"}, ["y", "x"], BUILDER)
    assert one == two
    assert one is not None
    assert differences(one, one) == []
    assert "canary" not in json.dumps(one)


def test_a_wheel_that_may_be_pure_is_another_one() -> None:
    """A fallback that somebody allowed once is not taken where nobody allows it."""
    assert shape(SDIST, TARGET, {}, [], BUILDER, pure=True) != shape(SDIST, TARGET, {}, [], BUILDER)


def test_a_directory_is_not_kept() -> None:
    """It has no digest, and changes with every commit."""
    source = LockedSource(directory=Path("lib"))
    assert shape(replace(SDIST, file=None, source=source), TARGET, {}, [], BUILDER) is None


def made(folder: Path, content: bytes = b"a wheel") -> Wheel:
    """Write a wheel as if it had just been compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rocket-1.0-cp313-cp313-manylinux_2_34_aarch64.whl"
    path.write_bytes(content)
    library = SystemLibrary("libpq.so.5", "libpq", "15.1-1", "PostgreSQL")
    digest = hashlib.sha256(content).hexdigest()
    return Wheel(
        "rocket", "1.0", path, digest, "https://index", compiled=True, source_sha256="a" * 64, libraries=(library,)
    )


class Kept:
    """A keep, and hands that reach past it."""

    def __init__(self, keep: WheelKeep, told: list[str], files: Callable[[str, bytes | None], bytes]) -> None:
        self.keep, self.told, self.files = keep, told, files


def in_folder(tmp_path: Path) -> Iterator[Kept]:
    """Give a keep in a folder."""
    told: list[str] = []

    def files(name: str, content: bytes | None) -> bytes:
        path = tmp_path / "kept" / DIGEST / name
        if content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return path.read_bytes()

    yield Kept(FolderKeep(tmp_path / "kept", told.append), told, files)


def a_build(monkeypatch: pytest.MonkeyPatch, aws_url: str) -> Build:
    """Give a build whose bucket is in moto."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws_url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = {
        "project": "demo", "package": "parser", "kind": "function", "architecture": "arm64", "runtime": "python3.13",
        "source": ".", "requirements": None, "fetch": "snapshot",
        "trigger": {"api_url": "http://127.0.0.1:9/api/v4", "project": "group/demo", "token_parameter": "/t"},
    }  # fmt: skip
    return read_build(
        {
            "ORCHESTRATOR_SETTINGS": json.dumps(settings),
            "CODEBUILD_BUILD_ID": BUILD_ID,
            "CODEBUILD_BUILD_ARN": f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:build/{BUILD_ID}",
            "ORCHESTRATOR_BUCKET": BUCKET,
            "ORCHESTRATOR_PREFIX": "team",
            "ORCHESTRATOR_COMMIT_SHA": "0" * 40,
            "ORCHESTRATOR_REF": "main",
            "ORCHESTRATOR_SNAPSHOT_SHA256": "0" * 64,
            "ORCHESTRATOR_TOOL_SHA256": "0" * 64,
        }
    )


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Give both keeps in turn, empty."""
    if request.param == "folder":
        yield from in_folder(tmp_path)
        return
    build = a_build(monkeypatch, request.getfixturevalue("aws_url"))
    s3: Any = boto3.client("s3")
    prefix = f"team/wheels/{BUILD_ID.partition(':')[0]}/{DIGEST}/"

    def files(name: str, content: bytes | None) -> bytes:
        if content is not None:
            s3.put_object(Bucket=BUCKET, Key=prefix + name, Body=content)
        return bytes(s3.get_object(Bucket=BUCKET, Key=prefix + name)["Body"].read())

    told: list[str] = []
    yield Kept(StoredKeep(build, tmp_path / "fetched", told.append), told, files)
    for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])


def test_a_wheel_comes_back_as_it_went(kept: Kept, tmp_path: Path) -> None:
    """Its bytes, its version, where it came from and what is in it, after its first place is gone; and nothing else."""
    wheel = made(tmp_path / "work")
    assert kept.keep.get(DIGEST) is None
    kept.keep.put(DIGEST, wheel, {"source": "sha256:a"})
    wheel.path.unlink()
    back = kept.keep.get(DIGEST)
    assert back is not None
    assert back.path.read_bytes() == b"a wheel"
    assert replace(back, path=wheel.path) == wheel
    assert kept.keep.get("e" * 64) is None
    assert kept.told == []
    assert json.loads(kept.files("wheel.json", None))["shape"] == {"source": "sha256:a"}


def test_keeping_twice_is_keeping_once(kept: Kept, tmp_path: Path) -> None:
    """Two builds at the same time may compile the same thing; what was there first stays."""
    kept.keep.put(DIGEST, made(tmp_path / "one"), {})
    kept.keep.put(DIGEST, made(tmp_path / "one"), {})
    assert kept.keep.get(DIGEST) is not None


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("wheel.json", lambda entry: b"{"),
        ("wheel.json", lambda entry: b"\xff"),
        ("wheel.json", lambda entry: b"[]"),
        ("wheel.json", lambda entry: entry.replace(b'"contract": ', b'"contract": 99')),
        ("wheel.json", lambda entry: entry.replace(b'"path": "rocket', b'"path": "../../rocket')),
        ("wheel.json", lambda entry: entry.replace(b'"path": "rocket', b'"path": "absent')),
        ("wheel.json", lambda entry: entry.replace(b'"sha256": "', b'"sha256": "00')),
        ("wheel.json", lambda entry: entry.replace(b'"compiled"', b'"surprise"')),
        ("wheel.json", lambda entry: entry.replace(b'"name": "rocket"', b'"name": ["rocket"]')),
        ("wheel.json", lambda entry: entry.replace(b'"compiled": true', b'"compiled": 1')),
        ("wheel.json", lambda entry: entry.replace(b'"licence": "PostgreSQL"', b'"licence": null')),
        ("wheel.json", lambda entry: b"[" * 100_000),
        ("rocket-1.0-cp313-cp313-manylinux_2_34_aarch64.whl", lambda entry: b"another wheel"),
    ],
)  # fmt: skip
def test_a_broken_or_lying_entry_is_passed_over_and_told(
    kept: Kept, tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    """A keep only saves time: whatever is wrong with it, the wheel is compiled, and the log says why."""
    kept.keep.put(DIGEST, made(tmp_path / "work"), {})
    kept.files(name, damage(kept.files(name, None)))
    assert kept.keep.get(DIGEST) is None
    (line,) = kept.told
    assert line.startswith(f"the kept wheel {DIGEST[:12]} is passed over")


def test_two_processes_may_keep_one_wheel_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that keeps the same wheel in between takes nothing away from this one."""
    told: list[str] = []
    keep, wheel = FolderKeep(tmp_path / "kept", told.append), made(tmp_path / "work")
    copy = shutil.copyfile

    def interrupted(source: Path, target: Path) -> None:
        copy(source, target)
        with monkeypatch.context() as other:
            other.setattr(shutil, "copyfile", copy)
            other.setattr(os, "getpid", lambda: 1)
            keep.put(DIGEST, wheel, {})

    monkeypatch.setattr(shutil, "copyfile", interrupted)
    keep.put(DIGEST, wheel, {})
    assert told == []
    assert keep.get(DIGEST) is not None
    assert len(list((tmp_path / "kept" / DIGEST).iterdir())) == 2
