"""postbuild: believe a build id, nothing more; read the rest from CodeBuild and S3, and check all of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BuildFailed, MachineryError, OrchestratorError, Refused, Superseded
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import manifest_key, package_key, split_build_id
from orchestrator.ports import (
    BuildLogs,
    BuildRecord,
    Clock,
    CodeBuild,
    CommitStatus,
    Narrator,
    ObjectStore,
    OpenStore,
    ProjectRecord,
)
from orchestrator.render.terminal import printable
from orchestrator.stages.follow import follow
from orchestrator.stages.manifest import Manifest, parse_manifest
from orchestrator.vocabulary import BuildStatus

_READ_LINES = 500
_SHOWN_LINES = 20
_SHA = re.compile(r"[0-9a-f]{40}")
_MANIFEST_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class PostbuildWorld:
    """What postbuild touches. `write` makes a file appear whole or not at all."""

    codebuild: CodeBuild
    logs: BuildLogs
    open_store: OpenStore
    status: CommitStatus
    clock: Clock
    narrate: Narrator
    write: Callable[[Path, bytes], object]


@dataclass(frozen=True)
class Delivered:
    """A verified package in a local file."""

    build_id: str
    package: Path
    manifest: Manifest


def postbuild(
    plan: Plan, build_id: str, expected_commit: str, ref: str, world: PostbuildWorld, output: Path
) -> Delivered:
    """Bring the package of a build to `output` as `package.zip`, with its `manifest.json`.

    Raises `Refused` when anything is not what it claims to be, `Superseded` for a build of another commit or
    a stopped one, `BuildFailed` when the build failed.
    """
    item = _expected_build(plan, build_id)
    record = follow(
        build_id,
        world.codebuild,
        world.clock,
        world.narrate,
        deadline_seconds=60.0 * (item.timeout_minutes + item.queue_timeout_minutes + 5),
    )
    commit = _commit_of(record)
    try:
        _check_commit(record, commit, expected_commit)
        _check_status(record, world.logs)
        delivered = _fetch(plan, item, record, commit, world, output)
    except OrchestratorError as error:
        _report(world.status, item, record, commit, ref, _state_of(error), error.what)
        raise
    _report(world.status, item, record, commit, ref, "success", f"package {delivered.manifest.sha256[:12]}")
    return delivered


def _expected_build(plan: Plan, build_id: str) -> BuildPlan:
    parts = split_build_id(build_id)
    if parts is None:
        raise Refused(
            "this is not a build id",
            detail=f"observed: {build_id[:200]!r}\nexpected: `<CodeBuild project>:<uuid>`",
            hint="find out who started this pipeline: only builds of this project do",
        )
    item = plan.by_codebuild_project().get(parts[0])
    if item is None:
        raise Refused(
            f"the build `{build_id}` is not one of this project's",
            detail=f"observed: project `{parts[0]}`\n"
            f"expected: {', '.join(f'`{name}`' for name in sorted(plan.by_codebuild_project()))}",
            hint="find out who started this pipeline with a build id of another project",
        )
    return item


def _commit_of(record: BuildRecord) -> str:
    return record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")


def _check_commit(record: BuildRecord, commit: str, expected: str) -> None:
    if commit != expected:
        raise Superseded(
            f"the build `{record.id}` is not of this commit",
            detail=f"built: {commit or 'unknown'}\nthis pipeline: {expected}",
            hint="nothing to do if the branch has moved on: the newer commit has a build of its own",
        )


def _check_status(record: BuildRecord, logs: BuildLogs) -> None:
    if record.status == BuildStatus.SUCCEEDED:
        return
    what = f"the build `{record.id}` ended {record.status}"
    if record.status == BuildStatus.STOPPED:
        raise Superseded(what, detail="somebody stopped it", hint="start it again if that was not intended")
    if record.status not in {BuildStatus.FAILED, BuildStatus.TIMED_OUT}:
        raise MachineryError(what, detail=_failure(record, logs), hint="run the build job again")
    raise BuildFailed(what, detail=_failure(record, logs), hint=f"the whole log: {record.console_url}")


def _failure(record: BuildRecord, logs: BuildLogs) -> str:
    phase = record.failed_phase
    lines = [f"phase: {phase.name} {phase.status}"] if phase else []
    if phase and phase.message:
        lines.append(printable(phase.message))
    last = _of_phase(logs.last_lines(record, _READ_LINES), phase.name if phase else "")[-_SHOWN_LINES:]
    if last:
        lines += ["", "last lines of the log:", *(f"  {printable(line)}" for line in last)]
    return "\n".join(lines)


def _of_phase(lines: Sequence[str], phase: str) -> Sequence[str]:
    """Return the lines up to the end of a phase: what went wrong stands there, not at the end of the log."""
    ends = [number for number, line in enumerate(lines) if f"Phase complete: {phase} State: " in line]
    return lines[: ends[-1] + 1] if ends else lines


def _fetch(
    plan: Plan, item: BuildPlan, record: BuildRecord, commit: str, world: PostbuildWorld, output: Path
) -> Delivered:
    store = _store_of(plan, item, world)
    content = _manifest_bytes(plan, record, commit, store)
    manifest = parse_manifest(content)
    _check_manifest(manifest, {"bucket": store.bucket, **_claims(plan, item, record, commit)})
    target = output / "package.zip"
    store.download(manifest.key, manifest.version_id, target, size_bytes=manifest.size_bytes, sha256=manifest.sha256)
    world.write(output / "manifest.json", content)
    return Delivered(build_id=record.id, package=target, manifest=manifest)


def _store_of(plan: Plan, item: BuildPlan, world: PostbuildWorld) -> ObjectStore:
    """Open the bucket that the CodeBuild project, not the build, names: a build could be started with another."""
    project: ProjectRecord | None = world.codebuild.projects([item.codebuild_project]).get(item.codebuild_project)
    if project is None or not project.bucket:
        raise Refused(
            f"the CodeBuild project `{item.codebuild_project}` names no bucket",
            detail=f"expected: a project that `orchestrator prebuild` made in {plan.region}",
            hint="run `orchestrator prebuild`",
        )
    return world.open_store(project.bucket, project.account)


def _manifest_bytes(plan: Plan, record: BuildRecord, commit: str, store: ObjectStore) -> bytes:
    """Return the manifest, which must have the digest that the build gave to CodeBuild."""
    content = store.read(
        manifest_key(plan.artifacts.prefix, record.project, commit, record.uuid), limit_bytes=_MANIFEST_LIMIT_BYTES
    )
    observed = hashlib.sha256(content).hexdigest()
    exported = record.exported.get("ORCHESTRATOR_MANIFEST_SHA256", "")
    if observed != exported:
        raise Refused(
            f"the manifest of `{record.id}` is not the one the build wrote",
            detail=f"stored: sha256 {observed}\nexported by the build: sha256 {exported or 'nothing'}",
            hint="do not use this package; find out who changed the object",
        )
    return content


def _claims(plan: Plan, item: BuildPlan, record: BuildRecord, commit: str) -> dict[str, object]:
    """Return what the manifest must say about this build."""
    return {
        "project": plan.project,
        "package": item.package,
        "kind": str(item.kind),
        "architecture": str(item.target.architecture),
        "runtime": item.target.runtime,
        "commit": commit,
        "build_id": record.id,
        "key": package_key(plan.artifacts.prefix, record.project, commit, record.uuid),
    }


def _check_manifest(manifest: Manifest, claims: dict[str, object]) -> None:
    wrong = [
        f"{name}: observed `{getattr(manifest, name)}`, expected `{expected}`"
        for name, expected in claims.items()
        if getattr(manifest, name) != expected
    ]
    if wrong:
        raise Refused(
            f"the manifest of `{manifest.build_id}` describes another build",
            detail="\n".join(wrong),
            hint="do not use this package; find out how it came here",
        )


_STATES: dict[type[OrchestratorError], str] = {Superseded: "canceled"}


def _state_of(error: OrchestratorError) -> str:
    return _STATES.get(type(error), "failed")


def _report(
    status: CommitStatus, item: BuildPlan, record: BuildRecord, commit: str, ref: str, state: str, text: str
) -> None:
    if _SHA.fullmatch(commit):
        status.report(
            commit,
            state=state,
            name=f"codebuild/{item.package}",
            # The ref that the build was started for is known at a terminal, too.
            ref=record.variables.get("ORCHESTRATOR_REF") or ref,
            pipeline_id=record.variables.get("ORCHESTRATOR_PIPELINE_ID", ""),
            description=text,
            url=record.console_url,
        )
