"""artifacts: which packages of this configuration lie in the store, and what is known of them."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.errors import ConfigurationError, Gone, OrchestratorError
from orchestrator.packaging.documents.places import MANIFEST_NAME, PACKAGE_NAME
from orchestrator.plan.model import Plan
from orchestrator.plan.names import AssembledId, artifact_key, assembled_key, split_assembled_id
from orchestrator.ports import CodeBuild, ObjectStore, OpenShelves, OpenStore, Shelves
from orchestrator.records import BuildRecord, ProjectRecord, StoredObject
from orchestrator.stages.manifest import Manifest, parse_manifest
from orchestrator.stages.postbuild import package_of
from orchestrator.stages.which_build import find_build

MANIFEST_LIMIT_BYTES = 8 * 1024 * 1024
# Ten pages of CodeBuild's lists; of what is older, the manifest says what it was built for.
_SEARCHED_BUILDS = 1000
_PLACE = re.compile(
    r"(?P<commit>[0-9a-f]{40})/(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/(?P<name>[^/]+)"
)
_SHORT = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")


@dataclass(frozen=True)
class ArtifactsWorld:
    """What looking after packages touches."""

    codebuild: CodeBuild
    open_store: OpenStore
    open_shelves: OpenShelves
    now: Callable[[], datetime]


@dataclass(frozen=True)
class StoredPackage:
    """A package in the store with what lies beside it. `ref` is what it was built for, empty if nobody knows.

    `in_job` says that the job `build` has made it, not CodeBuild. `whole` says that package and manifest are there;
    whether they are what they claim to be is another question. `running` is whether its build has not ended.
    """

    codebuild_project: str
    package: str
    commit: str
    uuid: str
    in_job: bool
    keys: Mapping[str, str]
    size_bytes: int
    stored: datetime
    ref: str = ""
    status: str = ""
    running: bool = False

    @property
    def whole(self) -> bool:
        """Whether both the package and its manifest are stored."""
        return {PACKAGE_NAME, MANIFEST_NAME} <= set(self.keys)

    @property
    def build_id(self) -> str:
        """The id as the documents of the package have it."""
        if self.in_job:
            return AssembledId(self.codebuild_project, self.commit, self.uuid).build_id
        return f"{self.codebuild_project}:{self.uuid}"


def list_packages(plan: Plan, world: ArtifactsWorld) -> list[StoredPackage]:
    """Return the packages of this configuration that are stored, the newest first.

    What was built for which ref, CodeBuild says; of a build that it has forgotten, the manifest.
    """
    found: list[StoredPackage] = []
    for project in projects_of(plan, world.codebuild).values():
        shelves = world.open_shelves(project.bucket, project.account)
        store = world.open_store(project.bucket, project.account)
        builds = {one.uuid: one for one in world.codebuild.newest(project.name, limit=_SEARCHED_BUILDS)}
        found += [_told(package, builds, store) for package in _on(shelves, plan, project)]
    return sorted(found, key=lambda package: package.stored, reverse=True)


def projects_of(plan: Plan, codebuild: CodeBuild) -> dict[str, ProjectRecord]:
    """Return the CodeBuild projects of the plan that exist and have a bucket; raises when there is none."""
    names = sorted(plan.by_codebuild_project())
    found = {name: one for name, one in sorted(codebuild.projects(names).items()) if one.bucket}
    if not found:
        raise ConfigurationError(
            f"CodeBuild has none of the projects of this configuration in {plan.region}",
            detail=f"expected: {', '.join(names)}",
            hint="run `orchestrator prebuild` first",
        )
    return found


def which_package(plan: Plan, text: str, world: ArtifactsWorld) -> tuple[str, str]:
    """Return id and commit of the build whose package is meant; raises what `find_build` raises.

    A package that a job has made is named by its whole id, or by at least 8 hex digits of its UUID: then the digest
    that its id ends in is that of the manifest as it lies in the store.
    """
    made = split_assembled_id(text)
    if made is not None:
        return text, made.commit
    try:
        record = find_build(plan, text, world.codebuild)
    except ConfigurationError:
        made = _made_in_a_job(plan, text, world) if _SHORT.fullmatch(text) else None
        if made is None:
            raise
        return str(made), made.commit
    if not record.complete:
        raise ConfigurationError(
            f"the build `{record.id}` has not ended",
            detail=f"observed: {record.status}\nexpected: a build that has left a package",
            hint=f"`orchestrator attach {record.id}` waits for it",
        )
    return record.id, record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")


def vouched_id(plan: Plan, build_id: str, world: ArtifactsWorld) -> str:
    """Return the id of a build, as its documents have it, with which its package can be checked wherever that lies.

    CodeBuild vouches for what it has built. That of a package made in a job ends in the digest of the manifest in the
    store, where no build may write: the manifest beside a package that was brought here vouches for nothing. Raises
    `Refused` for a package of another project, `Gone` for one that is not stored any more.
    """
    made = split_assembled_id(f"{build_id}:{'0' * 64}")
    if made is None:
        return build_id
    package_of(plan, str(made))
    project = projects_of(plan, world.codebuild).get(made.codebuild_project)
    if project is None:
        raise Gone(
            f"CodeBuild has no project `{made.codebuild_project}` any more",
            detail="expected: the project that names the bucket of the package",
            hint="run `orchestrator prebuild`, or build the commit again",
        )
    return str(_with_digest(plan, made, world.open_store(project.bucket, project.account)))


def stored_manifest(plan: Plan, record: BuildRecord, world: ArtifactsWorld) -> Manifest | None:
    """Return the manifest of a build for those who only show it.

    None if there is none (any longer), none that the build itself has written, or none that we may read.
    """
    digest = record.exported.get("ORCHESTRATOR_MANIFEST_SHA256", "")
    commit = record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")
    key = artifact_key(plan.artifacts.prefix, record.project, commit, record.uuid, MANIFEST_NAME)
    try:
        project = world.codebuild.projects([record.project]).get(record.project) if digest else None
        if project is None or not project.bucket:
            return None
        content = world.open_store(project.bucket, project.account).read(key, limit_bytes=MANIFEST_LIMIT_BYTES)
        return parse_manifest(content) if hashlib.sha256(content).hexdigest() == digest else None
    except OrchestratorError:
        return None


def _on(shelves: Shelves, plan: Plan, project: ProjectRecord) -> Iterator[StoredPackage]:
    """Give the packages of a project as their keys tell of them."""
    item = plan.by_codebuild_project()[project.name]
    for folder, in_job in (("artifacts", False), ("assembled", True)):
        start = "/".join([*filter(None, [plan.artifacts.prefix]), folder, project.name, ""])
        groups: dict[tuple[str, str], dict[str, StoredObject]] = defaultdict(dict)
        for one in shelves.below(start):
            place = _PLACE.fullmatch(one.key.removeprefix(start))
            if place:
                groups[place["commit"], place["uuid"]][place["name"]] = one
        for (commit, uuid), files in groups.items():
            yield StoredPackage(
                codebuild_project=project.name,
                package=item.package,
                commit=commit,
                uuid=uuid,
                in_job=in_job,
                keys={name: one.key for name, one in files.items()},
                size_bytes=sum(one.size_bytes for one in files.values()),
                stored=max(one.modified for one in files.values()),
            )


def _told(package: StoredPackage, builds: Mapping[str, BuildRecord], store: ObjectStore) -> StoredPackage:
    """Return the package with what its build says of it, or else its manifest, which may say anything."""
    record = None if package.in_job else builds.get(package.uuid)
    if record is not None:
        ref = record.variables.get("ORCHESTRATOR_REF", "")
        return replace(package, ref=ref, status=record.status, running=not record.complete)
    if MANIFEST_NAME not in package.keys:
        return package
    try:
        manifest = parse_manifest(store.read(package.keys[MANIFEST_NAME], limit_bytes=MANIFEST_LIMIT_BYTES))
    except OrchestratorError:
        return package
    return replace(package, ref=manifest.ref or "")


def _made_in_a_job(plan: Plan, text: str, world: ArtifactsWorld) -> AssembledId | None:
    """Return the id of the one package of a job whose UUID begins with the text, None without or with several."""
    found: list[AssembledId] = []
    for project in projects_of(plan, world.codebuild).values():
        shelves = world.open_shelves(project.bucket, project.account)
        store = world.open_store(project.bucket, project.account)
        for package in _on(shelves, plan, project):
            if package.in_job and package.whole and package.uuid.startswith(text):
                found.append(_with_digest(plan, AssembledId(project.name, package.commit, package.uuid), store))
    return found[0] if len(found) == 1 else None


def _with_digest(plan: Plan, made: AssembledId, store: ObjectStore) -> AssembledId:
    """Return the id with the digest of the manifest as it lies in the store."""
    content = store.read(assembled_key(plan.artifacts.prefix, made, MANIFEST_NAME), limit_bytes=MANIFEST_LIMIT_BYTES)
    return replace(made, manifest_sha256=hashlib.sha256(content).hexdigest())
