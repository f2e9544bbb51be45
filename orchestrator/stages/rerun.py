"""rerun: build a commit once more, from the snapshot that is stored, with the settings that are applied."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from orchestrator.errors import ConfigurationError
from orchestrator.patience import Patience
from orchestrator.plan.digest import marker
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import snapshot_key
from orchestrator.ports import CodeBuild, CommitStatus, GitRepository, Narrator, OpenStore
from orchestrator.records import BuildRecord, ProjectRecord
from orchestrator.stages.build import StartedBuild
from orchestrator.stages.commit_status import PackageStatus
from orchestrator.stages.earlier import SEARCHED_BUILDS, Wish
from orchestrator.stages.start import Counter, Order, start
from orchestrator.stages.storing import store_snapshot
from orchestrator.stages.takeoff import see_off
from orchestrator.vocabulary import BuildStatus, Source


@dataclass(frozen=True)
class Again:
    """What to build again: a full SHA, and the ref and pipeline that get the result (both empty: nobody is called).

    `known_as` is the ref that earlier builds of the commit must have been for, empty for any. `only_failed` leaves out
    packages whose newest build of the commit has succeeded or still runs; for a ref, builds for none do not count.
    """

    commit: str
    ref: str
    pipeline_id: str = ""
    known_as: str = ""
    only_failed: bool = False


@dataclass(frozen=True)
class Repeat:
    """One package that will be built again.

    `earlier` is the newest build of the commit, None if there was none. `succeeded` is the newest build of any commit
    that has succeeded: it tells how long one takes. `snapshot_sha256` is the digest of the stored archive, empty if one
    has to be made, or for a build that clones.
    """

    item: BuildPlan
    project: ProjectRecord
    earlier: BuildRecord | None
    succeeded: BuildRecord | None
    snapshot_sha256: str


@dataclass(frozen=True)
class RerunWorld:
    """What rerun touches; as `BuildWorld`, of which it needs a part."""

    codebuild: CodeBuild
    git: GitRepository
    open_store: OpenStore
    status: CommitStatus
    narrate: Narrator
    record: Callable[[Sequence[StartedBuild]], None]
    new_uuid: Callable[[], str]
    patience: Patience = field(default_factory=Patience)
    uninterrupted: Callable[[], AbstractContextManager[None]] = field(default=nullcontext)


@dataclass(frozen=True)
class Known:
    """What CodeBuild says of the packages of a plan: their projects, and the newest builds of each, by project."""

    projects: Mapping[str, ProjectRecord]
    builds: Mapping[str, Sequence[BuildRecord]]

    def newest(self, **told: str) -> BuildRecord | None:
        """Return the newest build of any package whose variables say this (`REF="main"`), None if there is none."""
        found = [one for records in self.builds.values() for one in records if _says(one, told)]
        return _newest(found)

    def ref_of(self, commit: str) -> str:
        """Return the ref that a commit was built for last, empty if for none: `rerun --local` builds for nobody."""
        found = [one for records in self.builds.values() for one in records if _says(one, {"COMMIT_SHA": commit})]
        newest = _newest([one for one in found if one.variables.get("ORCHESTRATOR_REF")])
        return newest.variables["ORCHESTRATOR_REF"] if newest else ""


def look(plan: Plan, codebuild: CodeBuild) -> Known:
    """Return what CodeBuild says; raises `ConfigurationError` when prebuild has not made the project of a package."""
    names = [item.codebuild_project for item in plan.builds]
    projects = codebuild.projects(names)
    for name in names:
        if name not in projects or not projects[name].settings_digest:
            raise ConfigurationError(
                f"CodeBuild has no project `{name}` in {plan.region}",
                detail="expected: the project that prebuild makes",
                hint="run `orchestrator prebuild` first",
            )
    return Known(projects, {name: codebuild.newest(name, limit=SEARCHED_BUILDS) for name in names})


def choose(plan: Plan, again: Again, known: Known, open_store: OpenStore) -> list[Repeat]:
    """Return what would be built, without starting anything."""
    sha256 = _stored_snapshot(plan, again.commit, known, open_store) if plan.source is Source.SNAPSHOT else ""
    told = {"COMMIT_SHA": again.commit, **({"REF": again.known_as} if again.known_as else {})}
    repeats = []
    for item in plan.builds:
        records = known.builds[item.codebuild_project]
        repeats.append(
            Repeat(
                item=item,
                project=known.projects[item.codebuild_project],
                earlier=next((one for one in records if _says(one, told) and _counts(one, again)), None),
                succeeded=next((one for one in records if one.status == BuildStatus.SUCCEEDED), None),
                snapshot_sha256=sha256,
            )
        )
    return [one for one in repeats if not again.only_failed or _to_mend(one.earlier)]


def rerun(plan: Plan, again: Again, repeats: Sequence[Repeat], world: RerunWorld, scratch: Path) -> list[StartedBuild]:
    """Start a new build for each of them, whatever earlier ones have left; return what was started.

    The snapshot is made from the checkout if none is stored. Raises what a start raises, and `ConfigurationError` for a
    commit that neither the store nor the checkout has.
    """
    sha256 = _snapshot(plan, again, repeats, world, scratch) if plan.source is Source.SNAPSHOT else ""
    counter = Counter(world.codebuild, world.narrate, world.patience, world.uninterrupted)
    started: dict[str, StartedBuild] = {}

    def keep(item: BuildPlan, record: BuildRecord) -> None:
        started[item.package] = StartedBuild(item.package, record.id, again.commit, record.console_url, ours=True)
        world.record(list(started.values()))

    begun: list[tuple[Repeat, Order, BuildRecord]] = []
    for one in repeats:
        mark = marker(one.item.codebuild_project, again.commit, one.project.settings_digest)
        wish = Wish(mark, again.commit, again.ref, again.pipeline_id, sha256)
        order = Order(wish, one.item, (), world.new_uuid())
        record = start(order, counter, partial(keep, one.item))
        world.narrate(f"started {record.id} for {again.commit}")
        place = PackageStatus(one.item.package, again.commit, again.ref, again.pipeline_id, record.console_url)
        place.show("running", f"{one.item.target} in CodeBuild, once more", world.status)
        begun.append((one, order, record))
    for one, order, record in begun:
        see_off(record, order, one.project, counter, partial(keep, one.item))
    return list(started.values())


def _newest(records: Sequence[BuildRecord]) -> BuildRecord | None:
    return max(records, key=lambda one: one.started.timestamp() if one.started else 0.0, default=None)


def _says(record: BuildRecord, told: Mapping[str, str]) -> bool:
    return all(record.variables.get(f"ORCHESTRATOR_{name}", "") == value for name, value in told.items())


def _counts(record: BuildRecord, again: Again) -> bool:
    """Tell whether an earlier build did what this one is to do: one for no ref has brought nothing home."""
    return not again.ref or record.variables.get("ORCHESTRATOR_REF", "") != ""


def _to_mend(earlier: BuildRecord | None) -> bool:
    """Tell whether a package still needs a build of the commit: none was there, or the newest one has failed."""
    return earlier is None or (earlier.complete and earlier.status != BuildStatus.SUCCEEDED)


def _stored_snapshot(plan: Plan, commit: str, known: Known, open_store: OpenStore) -> str:
    """Return the digest of the stored archive of a commit, as an earlier build was told; empty if there is none.

    Nobody has to believe it: a build refuses an archive that has another digest, or names another commit.
    """
    builds = (one for records in known.builds.values() for one in records if _says(one, {"COMMIT_SHA": commit}))
    sha256 = next(filter(None, (one.variables.get("ORCHESTRATOR_SNAPSHOT_SHA256") for one in builds)), "")
    project = next(iter(known.projects.values()), None)
    if not sha256 or project is None:
        return ""
    key = snapshot_key(plan.artifacts.prefix, commit)
    return sha256 if open_store(project.bucket, project.account).exists(key) else ""


def _snapshot(plan: Plan, again: Again, repeats: Sequence[Repeat], world: RerunWorld, scratch: Path) -> str:
    """Return the digest of the archive of the commit, which is made and stored if it is not there."""
    if not repeats or repeats[0].snapshot_sha256:
        return repeats[0].snapshot_sha256 if repeats else ""
    commit = world.git.commit(again.commit).sha
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="snapshot-") as folder:
        snapshot = world.git.snapshot(commit, Path(folder, "snapshot.tar.gz"))
        project = repeats[0].project
        store = world.open_store(project.bucket, project.account)
        store_snapshot(snapshot, commit, plan.artifacts.prefix, store, world.narrate)
        return snapshot.tar_sha256
