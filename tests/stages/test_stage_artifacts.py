"""What lies in the store, and what may go."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import (
    BUCKET,
    JOB,
    OTHER_SHA,
    SHA,
    UUID,
    FakeClock,
    FakeCodeBuild,
    FakeGit,
    FakeHistory,
    FakeLogs,
    FakeMaker,
    FakePipelines,
    FakeStatus,
    FakeStore,
    deliver,
    make,
    project,
    record,
    statement,
)

from orchestrator.effects.folder_store import FolderStore
from orchestrator.errors import ConfigurationError, Gone, Refused
from orchestrator.packaging.documents.model import Origin
from orchestrator.plan.model import Plan
from orchestrator.records import StoredObject
from orchestrator.stages.artifacts import (
    ArtifactsWorld,
    StoredPackage,
    list_packages,
    stored_manifest,
    vouched_id,
    which_package,
)
from orchestrator.stages.assembled import Workshop, make_here
from orchestrator.stages.delivery import Delivered, Desk
from orchestrator.stages.manifest import parse_manifest
from orchestrator.stages.postbuild import PostbuildWorld, postbuild
from orchestrator.stages.prune import PruneRule, judge, prune, survey

PLAN = make()
NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
HEADS = {"refs/heads/main": SHA, "refs/tags/v1": "f" * 40}


@dataclass
class FakeShelves:
    """A bucket whose objects were stored on one day."""

    store: FakeStore
    bucket: str = BUCKET
    erased: list[list[str]] = field(default_factory=list)

    def below(self, prefix: str) -> Iterator[StoredObject]:
        for key, content in list(self.store.objects.items()):
            if key.startswith(prefix):
                yield StoredObject(key, len(content), NOW)

    def erase(self, keys: Sequence[str]) -> int:
        self.erased.append(list(keys))
        return sum(len(self.store.objects.pop(key)) for key in keys)


@dataclass
class Site:
    """A configuration with one package in the store, that of a build CodeBuild knows."""

    store: FakeStore = field(default_factory=FakeStore)
    codebuild: FakeCodeBuild = field(
        default_factory=lambda: FakeCodeBuild(known={"demo-parser": project("demo-parser")})
    )

    def __post_init__(self) -> None:
        self.shelves = FakeShelves(self.store)
        self.built = deliver(self.store, record())
        self.codebuild.records[self.built.id] = self.built
        self.world = ArtifactsWorld(self.codebuild, lambda *_: self.store, lambda *_: self.shelves, lambda: NOW)


def package(number: int, **changes: Any) -> StoredPackage:
    """Return a whole package of `main` that was stored so many days ago, of a commit that is no head."""
    plain = StoredPackage(
        codebuild_project="demo-parser",
        package="parser",
        commit=f"{number:x}" * 40,
        uuid=f"{number:08x}",
        in_job=False,
        keys={"package.zip": f"{number}/package.zip", "manifest.json": f"{number}/manifest.json"},
        size_bytes=100,
        stored=NOW - timedelta(days=number),
        ref="main",
    )
    return replace(plain, **changes)


def test_what_lies_in_the_store_is_listed_with_its_build() -> None:
    """A package has its ref from CodeBuild, its size from all of its files, and counts as whole with both of them."""
    site = Site()
    (found,) = list_packages(PLAN, site.world)
    assert (found.ref, found.status, found.whole, found.build_id) == ("main", "SUCCEEDED", True, site.built.id)
    assert found.size_bytes == sum(map(len, site.store.objects.values()))


def test_of_a_build_that_is_forgotten_the_manifest_tells_the_ref() -> None:
    """CodeBuild forgets after a year; foreign objects and half packages are no obstacle."""
    site = Site()
    site.codebuild.records.clear()
    site.store.objects["artifacts/demo-parser/README"] = b"x"
    site.store.objects[f"artifacts/demo-parser/{OTHER_SHA}/{UUID}/package.zip"] = b"half"
    site.store.objects[f"assembled/demo-parser/{OTHER_SHA}/{UUID}/manifest.json"] = b"not json"
    found = list_packages(PLAN, site.world)
    assert sorted((one.in_job, one.whole, one.ref) for one in found) == [
        (False, False, ""),
        (False, True, "main"),
        (True, False, ""),
    ]


def test_a_package_is_named_as_a_build_is() -> None:
    """An id, or its beginning, names the package; the commit that must be in it comes from CodeBuild."""
    site = Site()
    assert which_package(PLAN, UUID[:8], site.world) == (site.built.id, SHA)
    whole = f"assembled:demo-parser:{OTHER_SHA}:{UUID}:{'d' * 64}"
    assert which_package(PLAN, whole, site.world) == (whole, OTHER_SHA)


def test_a_package_of_a_job_is_found_by_its_beginning() -> None:
    """CodeBuild knows nothing of it, so it is looked for in the store."""
    site, uuid = Site(), f"ffffffff{UUID[8:]}"
    for name in ("package.zip", "manifest.json"):
        site.store.objects[f"assembled/demo-parser/{OTHER_SHA}/{uuid}/{name}"] = b"{}"
    build_id, commit = which_package(PLAN, "ffffffff", site.world)
    assert build_id.startswith(f"assembled:demo-parser:{OTHER_SHA}:{uuid}:")
    assert commit == OTHER_SHA


def test_a_build_that_runs_has_no_package_yet() -> None:
    """Whoever asks for its package is told how to wait."""
    site = Site()
    site.codebuild.records[site.built.id] = replace(site.built, status="IN_PROGRESS", complete=False)
    with pytest.raises(ConfigurationError, match="has not ended"):
        which_package(PLAN, UUID, site.world)


def test_a_manifest_that_the_build_did_not_write_is_none() -> None:
    """What is shown of a package is what its build has vouched for."""
    site = Site()
    found = stored_manifest(PLAN, site.built, site.world)
    assert found is not None
    assert found.build_id == site.built.id
    (key,) = (key for key in site.store.objects if key.endswith("manifest.json"))
    site.store.objects[key] += b" "
    assert stored_manifest(PLAN, site.built, site.world) is None
    del site.store.objects[key]
    assert stored_manifest(PLAN, site.built, site.world) is None


@pytest.mark.parametrize(
    ("packages", "rule", "going"),
    [
        ([package(1), package(2)], PruneRule(older_than_days=0), [2]),
        ([package(1), package(20)], PruneRule(older_than_days=14), [20]),
        ([package(1), package(2)], PruneRule(gone_refs=True), []),
        ([package(1), package(2, ref="gone")], PruneRule(gone_refs=True), [2]),
        ([package(1), package(2, ref="gone")], PruneRule(older_than_days=30), []),
        ([package(1), package(2, ref="gone")], PruneRule(older_than_days=0), [2]),
        ([package(1), package(2, ref="v1")], PruneRule(0, gone_refs=True), []),
        ([package(1), package(2, ref="gone", commit=SHA)], PruneRule(0, gone_refs=True), []),
        ([package(1), package(2, ref="gone", running=True)], PruneRule(0, gone_refs=True), []),
        ([package(1), package(2, ref="")], PruneRule(gone_refs=True), []),
        ([package(1, keys={}), package(2)], PruneRule(0), [1]),
        ([package(1), package(2, codebuild_project="demo-other")], PruneRule(0), []),
        ([package(1, status="FAILED"), package(2), package(3)], PruneRule(2), [3]),
    ],
    ids=[
        "the newest of a ref stays",
        "age",
        "refs that are there",
        "refs that are gone",
        "gone but young",
        "gone and old",
        "tags",
        "of a head",
        "running",
        "of no ref",
        "half a package is no newest one",
        "each package has its newest",
        "what cannot come home is no newest one",
    ],
)
def test_only_what_nobody_needs_goes(packages: list[StoredPackage], rule: PruneRule, going: list[int]) -> None:
    """Age and gone refs take packages away, and never one that a running build or a ref that is there needs."""
    verdicts = judge(packages, rule, HEADS, NOW)
    assert [verdict.package for verdict in verdicts if verdict.goes] == [
        one for one in packages if int(one.uuid, 16) in going
    ]


@given(
    st.lists(
        st.builds(
            package,
            st.integers(1, 40),
            ref=st.sampled_from(["main", "v1", "gone", ""]),
            commit=st.sampled_from([SHA, OTHER_SHA]),
            running=st.booleans(),
            status=st.sampled_from(["", "SUCCEEDED", "FAILED", "TIMED_OUT"]),
            keys=st.sampled_from([{}, {"package.zip": "p", "manifest.json": "m"}]),
        ),
        max_size=12,
        unique_by=lambda one: one.uuid,
    ),
    st.integers(0, 50) | st.none(),
    st.booleans(),
)
def test_what_is_needed_always_stays(packages: list[StoredPackage], days: int | None, gone: bool) -> None:
    """Whatever lies there and whatever is asked: nothing running, of a head, or the newest of a ref ever goes."""
    going = {one.package.uuid for one in judge(packages, PruneRule(days, gone), HEADS, NOW) if one.goes}
    for one in packages:
        if one.running or one.commit == SHA:
            assert one.uuid not in going
    for ref in ("main", "v1"):
        whole = [one for one in packages if one.ref == ref and one.whole and one.status in {"", "SUCCEEDED"}]
        if whole:
            assert max(whole, key=lambda one: one.stored).uuid not in going


def test_a_branch_that_is_pushed_meanwhile_is_there() -> None:
    """Its package is listed, so it must be asked for after that: before, the branch was not there and seemed gone."""
    site = Site()
    listed: list[str] = []

    def below(prefix: str) -> Iterator[StoredObject]:
        listed.append(prefix)
        return FakeShelves(site.store).below(prefix)

    site.shelves.below = below  # type: ignore[method-assign]
    (verdict,) = survey(
        PLAN, PruneRule(gone_refs=True), lambda: {f"refs/heads/{'main' if listed else 'old'}": OTHER_SHA}, site.world
    )
    assert not verdict.goes


def test_a_remote_without_refs_takes_nothing_away() -> None:
    """It is not that of the project: by it, every branch would be gone."""
    with pytest.raises(ConfigurationError, match="neither a branch nor a tag"):
        survey(PLAN, PruneRule(gone_refs=True), dict, Site().world)


def test_a_manifest_goes_before_its_package() -> None:
    """Whoever comes in between finds no package, never half of one; what stays is not touched."""
    site = Site()
    (found,) = list_packages(PLAN, site.world)
    half = replace(found, keys={"package.zip": found.keys["package.zip"]})
    verdicts = judge([replace(found, ref="gone", commit=OTHER_SHA)], PruneRule(gone_refs=True), HEADS, NOW)
    assert prune(verdicts, PLAN, site.world) > 0
    assert not site.store.objects
    assert [key.rpartition("/")[2] for key in site.shelves.erased[0]] == ["manifest.json"]
    assert prune(judge([half], PruneRule(), HEADS, NOW), PLAN, site.world) == 0


def _checked(folder: Path, plan: Plan, build_id: str, site: Site, scratch: Path) -> Delivered:
    world = PostbuildWorld(
        codebuild=site.codebuild,
        logs=FakeLogs(),
        open_store=lambda bucket, _account: FolderStore(bucket, folder),
        status=FakeStatus(),
        clock=FakeClock(),
        desk=Desk(write=Path.write_bytes, inspect=lambda _package, _item: (), narrate=lambda _line: None),
        history=FakeHistory(),
    )
    return postbuild(plan, build_id, SHA, "", world, scratch)


def _emptied(site: Site, folder: Path) -> None:
    """Let all that is stored lie in a folder instead, as `artifacts get` leaves it."""
    folder.mkdir()
    for key, content in site.store.objects.items():
        (folder / key.rpartition("/")[2]).write_bytes(content)


def test_a_folder_passes_the_checks_of_the_store(tmp_path: Path) -> None:
    """A package that was brought here is checked by the code that brought it; any changed file is refused."""
    site, folder = Site(), tmp_path / "dist"
    _emptied(site, folder)
    delivered = _checked(folder, PLAN, site.built.id, site, tmp_path / "scratch")
    assert delivered.manifest.build_id == site.built.id
    for path in sorted(folder.iterdir()):
        good = path.read_bytes()
        path.write_bytes(good + b" ")
        with pytest.raises(Refused):
            _checked(folder, PLAN, site.built.id, site, tmp_path / "scratch")
        path.write_bytes(good)


@pytest.fixture
def of_a_job(tmp_path: Path) -> tuple[Plan, Site, Path, str]:
    """Return a plan, a site with the package of a job alone, a folder with the same files, and the id that travels."""
    plan = make("project: demo\nregion: eu-central-1\npackages: {parser: {build: {where: auto}}}\n")
    site, folder = Site(FakeStore()), tmp_path / "dist"
    site.store.objects.clear()
    workshop = Workshop(FakeMaker(), FakePipelines(), lambda: UUID, lambda _line: None, tmp_path / "kept")
    snapshot, origin = FakeGit().snapshot(SHA, tmp_path / "tar"), Origin(project="demo", package="parser", commit=SHA)
    (tmp_path / "made").mkdir()
    made = make_here(plan.builds[0], "", origin, snapshot, workshop, lambda: site.store, tmp_path / "made")
    assert made is not None
    _emptied(site, folder)
    return plan, site, folder, made.build_id


def test_a_folder_may_hold_the_package_of_a_job(of_a_job: tuple[Plan, Site, Path, str], tmp_path: Path) -> None:
    """The store vouches for it, as CodeBuild does for a build."""
    plan, site, folder, build_id = of_a_job
    manifest = parse_manifest((folder / "manifest.json").read_bytes())
    assert vouched_id(plan, manifest.build_id, site.world) == build_id
    assert _checked(folder, plan, build_id, site, tmp_path / "scratch").build_id == manifest.build_id
    assert vouched_id(plan, f"demo-parser:{UUID}", site.world) == f"demo-parser:{UUID}"


def test_a_folder_does_not_vouch_for_itself(of_a_job: tuple[Plan, Site, Path, str], tmp_path: Path) -> None:
    """Whoever changes the package of a job and its manifest alike is found out by the manifest in the store."""
    plan, site, folder, _ = of_a_job
    forged = json.loads((folder / "manifest.json").read_bytes())
    content = b"PK evil"
    sha256 = hashlib.sha256(content).hexdigest()
    provenance = statement(sha256, SHA, forged["build_id"], JOB)
    forged |= {
        "sha256": sha256,
        "sha256_base64": base64.b64encode(bytes.fromhex(sha256)).decode(),
        "size_bytes": len(content),
        "provenance_sha256": hashlib.sha256(provenance).hexdigest(),
    }
    (folder / "package.zip").write_bytes(content)
    (folder / "provenance.json").write_bytes(provenance)
    (folder / "manifest.json").write_text(json.dumps(forged))
    vouched = vouched_id(plan, forged["build_id"], site.world)
    with pytest.raises(Refused, match="not the one the build wrote"):
        _checked(folder, plan, vouched, site, tmp_path / "scratch")
    site.store.objects.clear()
    with pytest.raises(Gone):
        vouched_id(plan, forged["build_id"], site.world)


@pytest.mark.parametrize("name", ["manifest.json", "package.zip"])
def test_a_pipe_in_a_folder_is_no_file(tmp_path: Path, name: str) -> None:
    """What was unpacked from an archive of somebody may hold pipes; nobody waits for what comes out of them."""
    site, folder = Site(), tmp_path / "dist"
    _emptied(site, folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(Gone, match=name):
        _checked(folder, PLAN, site.built.id, site, tmp_path / "scratch")


def test_a_folder_of_another_project_is_refused() -> None:
    """The id in a manifest may name anything; nobody is asked for what is not of this configuration."""
    with pytest.raises(Refused):
        vouched_id(PLAN, f"assembled:other-parser:{SHA}:{UUID}", Site().world)
