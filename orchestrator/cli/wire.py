"""Hands each stage the real world."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.boundary import postponed
from orchestrator.cli.project import Project
from orchestrator.cli.screen import narrate
from orchestrator.effects.codebuild import CodeBuildService
from orchestrator.effects.store import S3Store, caller_account
from orchestrator.patience import Patience
from orchestrator.vocabulary import Return

# A job runs one of these stages: loading what only the others need would take longer than its work may take.
if TYPE_CHECKING:
    from orchestrator.effects.history import RemoteHistory
    from orchestrator.packaging.documents.model import Origin
    from orchestrator.plan.model import BuildPlan
    from orchestrator.ports import CommitStatus, LogPages, ObjectStore, Pipelines, Refs
    from orchestrator.records import MadePackage, NotMade, Snapshot
    from orchestrator.stages.artifacts import ArtifactsWorld
    from orchestrator.stages.build import BuildWorld, StartedBuild
    from orchestrator.stages.deploy import DeployWorld
    from orchestrator.stages.postbuild import PostbuildWorld
    from orchestrator.stages.prebuild import PrebuildWorld
    from orchestrator.stages.reconcile import ReconcileWorld
    from orchestrator.stages.rerun import RerunWorld
    from orchestrator.stages.stop import StopWorld
    from orchestrator.watching.watch import WatchWorld

_PATIENCE = Patience(tell=narrate)
_STOPPING_SECONDS = 10.0


def prebuild_world(project: Project, environment: Mapping[str, str]) -> PrebuildWorld:
    """Return what prebuild touches."""
    from orchestrator.effects.infrastructure import TerraformInfrastructure
    from orchestrator.effects.parameters import ParameterStore
    from orchestrator.stages.prebuild import PrebuildWorld

    region = project.plan.region
    return PrebuildWorld(
        codebuild=CodeBuildService(region, _PATIENCE),
        parameters=ParameterStore(region, _PATIENCE),
        infrastructure=TerraformInfrastructure(project.work / "terraform", environment, narrate, project.binaries),
        open_store=_Stores(region),
        account=lambda: caller_account(region, _PATIENCE),
        narrate=narrate,
    )


def build_world(
    project: Project, environment: Mapping[str, str], record: Callable[[Sequence[StartedBuild]], None]
) -> BuildWorld:
    """Return what build touches."""
    from orchestrator.stages.assembled import Workshop
    from orchestrator.stages.build import BuildWorld

    region = project.plan.region
    return BuildWorld(
        codebuild=CodeBuildService(region, _PATIENCE),
        git=project.git,
        open_store=_Stores(region),
        status=_status(project, environment),
        narrate=narrate,
        record=record,
        workshop=Workshop(
            maker=_LazyMaker(project),
            pipelines=_next_pipeline(project, environment),
            new_uuid=lambda: str(uuid.uuid4()),
            narrate=narrate,
            kept=project.work / "packages",
        ),
        patience=_PATIENCE,
        uninterrupted=postponed,
    )


def stop_world(project: Project, environment: Mapping[str, str]) -> StopWorld:
    """Return what stop touches."""
    from orchestrator.effects.aws import HASTY
    from orchestrator.stages.stop import StopWorld

    # A job that is told to end has seconds left.
    until = time.monotonic() + _STOPPING_SECONDS
    patience = Patience(remaining_seconds=lambda: until - time.monotonic(), tell=narrate)
    codebuild = CodeBuildService(project.plan.region, patience, HASTY)
    looking = patience if environment.get("GITLAB_CI") == "true" else Patience()
    return StopWorld(codebuild, _status(project, environment), narrate, looking)


def reconcile_world(project: Project, environment: Mapping[str, str]) -> ReconcileWorld:
    """Return what reconcile touches."""
    from orchestrator.stages.reconcile import ReconcileWorld

    region = project.plan.region
    return ReconcileWorld(
        codebuild=CodeBuildService(region, _PATIENCE),
        open_store=_Stores(region),
        pipelines=_pipelines(project, environment),
        now=lambda: datetime.now(timezone.utc),
    )


def postbuild_world(project: Project, environment: Mapping[str, str]) -> PostbuildWorld:
    """Return what postbuild touches."""
    from orchestrator.effects.clock import SystemClock
    from orchestrator.effects.codebuild import CloudWatchLogs
    from orchestrator.effects.files import file_errors, write_bytes
    from orchestrator.effects.git import tracked_in
    from orchestrator.stages.delivery import Desk
    from orchestrator.stages.postbuild import PostbuildWorld

    region = project.plan.region
    return PostbuildWorld(
        codebuild=CodeBuildService(region, _PATIENCE),
        logs=CloudWatchLogs(region),
        open_store=_Stores(region),
        status=_status(project, environment),
        clock=SystemClock(),
        desk=Desk(
            write_bytes, _inspect, narrate, tracked=partial(tracked_in, environment=environment), files=file_errors
        ),
        history=_history(project, environment),
        pipeline_id=project.context.pipeline_id or "",
    )


def deploy_world(project: Project, root: Path, environment: Mapping[str, str]) -> DeployWorld:
    """Return what deploy touches; `root` is the folder of the Terraform root."""
    from orchestrator.effects.clock import SystemClock
    from orchestrator.effects.functions import LambdaFunctions
    from orchestrator.effects.users_root import UsersRoot
    from orchestrator.stages.deploy import DeployWorld

    region = project.plan.region
    return DeployWorld(
        infrastructure=UsersRoot(root, environment, narrate),
        functions=LambdaFunctions(region, _PATIENCE),
        open_store=_Stores(region),
        account=lambda: caller_account(region, _PATIENCE),
        history=_history(project, environment),
        clock=SystemClock(),
        narrate=narrate,
    )


def _history(project: Project, environment: Mapping[str, str]) -> RemoteHistory:
    from orchestrator.effects.history import RemoteHistory

    space = "refs/tags/" if project.context.tag else "refs/heads/"
    return RemoteHistory(project.git, space, environment.get("CI_JOB_TOKEN", ""))


def _inspect(package: Path, item: BuildPlan) -> Sequence[str]:
    # Two other stages have no use for the inspector.
    from orchestrator.effects.inspection import inspect_package

    return inspect_package(package, item)


class _LazyMaker:
    """Loads what makes packages when the first one is to be made here: most are made in CodeBuild."""

    def __init__(self, project: Project) -> None:
        self._cache = project.work / "cache"

    def make(self, item: BuildPlan, snapshot: Snapshot, origin: Origin, folder: Path) -> MadePackage | NotMade:
        from orchestrator.effects.maker import LocalMaker

        return LocalMaker(self._cache, narrate).make(item, snapshot, origin, folder)


def _next_pipeline(project: Project, environment: Mapping[str, str]) -> Pipelines | None:
    """Return the way to the pipeline in which a package goes on, None outside of a job."""
    if project.plan.return_ is Return.WAIT and environment.get("GITLAB_CI") == "true":
        from orchestrator.stages.assembled import ThisPipeline

        return ThisPipeline()
    return _pipelines(project, environment)


def _pipelines(project: Project, environment: Mapping[str, str]) -> Pipelines | None:
    """Return the way to start pipelines of this project, None outside of its jobs."""
    context, token = project.context, environment.get("CI_JOB_TOKEN")
    if not (token and context.api_url and context.project_id and environment.get("GITLAB_CI") == "true"):
        return None
    from orchestrator.effects.job_pipelines import JobPipelines

    config = Path(environment.get("CI_PROJECT_DIR", "."), environment.get("CI_CONFIG_PATH") or ".gitlab-ci.yml")
    return JobPipelines(context.api_url, context.project_id, token, config=config, narrate=narrate, patience=_PATIENCE)


class _Stores:
    """Opens buckets of one region, each after a look at its owner."""

    def __init__(self, region: str) -> None:
        self._region = region

    def __call__(self, bucket: str, account: str) -> ObjectStore:
        store = S3Store(bucket, account, region=self._region, patience=_PATIENCE)
        store.check_owner()
        return store


def _status(project: Project, environment: Mapping[str, str]) -> CommitStatus:
    token = environment.get("ORCHESTRATOR_GITLAB_TOKEN") or environment.get("GITLAB_TOKEN")
    # python-gitlab takes a third of a second to import: only those who have a token pay for it.
    from orchestrator.effects.status import NoStatus

    if not token or not project.plan.gitlab.project:
        return NoStatus()
    from orchestrator.effects.gitlab import GitLabStatus

    return GitLabStatus(project.plan.gitlab.url, project.plan.gitlab.project, token, narrate)


def watch_world(project: Project) -> WatchWorld:
    """Return what watching builds touches: nobody in it waits for what passes by itself, because the watcher does."""
    from orchestrator.effects.build_logs import QUICK, UNHURRIED, CloudWatchPages, log_calls_per_second
    from orchestrator.watching.watch import WatchWorld

    region = project.plan.region
    return WatchWorld(
        codebuild=CodeBuildService(region, UNHURRIED, QUICK),
        logs=CloudWatchPages(region),
        log_calls_per_second=log_calls_per_second(region),
    )


def codebuild(project: Project) -> CodeBuildService:
    """Return CodeBuild, for those who only look."""
    return CodeBuildService(project.plan.region, _PATIENCE)


def log_pages(project: Project) -> LogPages:
    """Return the logs of builds, for those who read one of them from its beginning."""
    from orchestrator.effects.build_logs import CloudWatchPages

    return CloudWatchPages(project.plan.region, _PATIENCE)


def artifacts_world(project: Project) -> ArtifactsWorld:
    """Return what looking after stored packages touches."""
    from orchestrator.effects.account.shelves import S3Shelves
    from orchestrator.stages.artifacts import ArtifactsWorld

    region = project.plan.region
    stores = _Stores(region)

    def shelves(bucket: str, account: str) -> S3Shelves:
        stores(bucket, account)
        return S3Shelves(bucket, account, region=region, patience=_PATIENCE)

    return ArtifactsWorld(codebuild(project), stores, shelves, lambda: datetime.now(timezone.utc))


def refs(project: Project, environment: Mapping[str, str]) -> Refs:
    """Return the branches and tags of the GitLab project."""
    return _history(project, environment)


def rerun_world(
    project: Project, environment: Mapping[str, str], record: Callable[[Sequence[StartedBuild]], None]
) -> RerunWorld:
    """Return what rerun touches."""
    from orchestrator.stages.rerun import RerunWorld

    region = project.plan.region
    return RerunWorld(
        codebuild=CodeBuildService(region, _PATIENCE),
        git=project.git,
        open_store=_Stores(region),
        status=_status(project, environment),
        narrate=narrate,
        record=record,
        new_uuid=lambda: str(uuid.uuid4()),
        patience=_PATIENCE,
        uninterrupted=postponed,
    )
