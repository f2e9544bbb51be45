"""Phase build: make the package and its documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from orchestrator.packaging.documents.bundle import documents
from orchestrator.packaging.documents.model import Asked, Origin
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.settings import Settings
from orchestrator.packaging.inside.wheel_store import StoredKeep
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.packaging.making import make_package
from orchestrator.packaging.recipe import Bench, Recipe
from orchestrator.packaging.wheels.keep import NoKeep, WheelKeep


def build_package(build: Build, workspace: Workspace, narrate: Callable[[str], None]) -> str:
    """Make `workspace.package` and its documents; return its sha256. Raises what `make_package` raises."""
    for stale in (workspace.package, workspace.manifest, workspace.manifest_digest, *workspace.documents.values()):
        stale.unlink(missing_ok=True)
    started = _now()
    bench = Bench(
        directory=workspace.work,
        cache=workspace.cache,
        uv=workspace.uv,
        keep=_keep(build, workspace, narrate),
        narrate=narrate,
        image=build.image,
    )
    facts = make_package(_recipe(build.settings, workspace), bench, workspace.package)
    documents(facts, _origin(build, started), workspace.cache).write(workspace.manifest, workspace.documents)
    return facts.sha256.hex()


def _keep(build: Build, workspace: Workspace, narrate: Callable[[str], None]) -> WheelKeep:
    return StoredKeep(build, workspace.work / "kept", narrate) if build.settings.keep_wheels else NoKeep()


def _recipe(settings: Settings, workspace: Workspace) -> Recipe:
    return Recipe(
        kind=settings.kind,
        target=settings.target,
        tree=workspace.tree,
        sources=(workspace.tree / settings.source,),
        requirements=workspace.tree / settings.requirements if settings.requirements is not None else None,
        output=workspace.tree / settings.output if settings.output is not None else None,
        asked=asked_by(settings),
    )


def asked_by(settings: Settings) -> Asked:
    """Return what the settings say that somebody has asked for."""
    return Asked(
        source=settings.source,
        requirements=settings.requirements or "",
        exclude=settings.exclude,
        bytecode=settings.bytecode,
        environment=settings.environment,
        system_packages=settings.system_packages,
        commands=settings.commands,
        output=settings.output or "",
        smoke=settings.smoke,
        allow=settings.allow,
        allow_pure=settings.allow_pure,
    )


def _origin(build: Build, started: str) -> Origin:
    settings = build.settings
    return Origin(
        project=settings.project,
        package=settings.package,
        commit=build.commit,
        ref=build.ref,
        repository=settings.clone.url if settings.clone else "",
        snapshot_sha256=build.snapshot_sha256,
        pipeline_id=build.pipeline_id,
        build_id=build.build_id,
        build_arn=build.build_arn,
        build_number=build.build_number,
        image=build.image,
        tool_sha256=build.tool_sha256,
        started=started,
        finished=_now(),
    )


def _now() -> str:
    return datetime.now(timezone.utc).replace(microsecond=0).isoformat()
