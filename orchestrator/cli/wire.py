"""Hands each stage the real world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator.cli.project import Project
from orchestrator.cli.screen import narrate
from orchestrator.effects.clock import SystemClock
from orchestrator.effects.codebuild import CloudWatchLogs, CodeBuildService
from orchestrator.effects.files import write_bytes
from orchestrator.effects.parameters import ParameterStore
from orchestrator.effects.store import S3Store, caller_account
from orchestrator.ports import CommitStatus, ObjectStore
from orchestrator.stages.build import BuildWorld, StartedBuild
from orchestrator.stages.postbuild import PostbuildWorld
from orchestrator.stages.prebuild import PrebuildWorld


def prebuild_world(project: Project, environment: Mapping[str, str]) -> PrebuildWorld:
    """Return what prebuild touches."""
    from orchestrator.effects.infrastructure import TerraformInfrastructure

    region = project.plan.region
    return PrebuildWorld(
        codebuild=CodeBuildService(region),
        parameters=ParameterStore(region),
        infrastructure=TerraformInfrastructure(project.work / "terraform", environment, narrate),
        open_store=_Stores(region),
        account=lambda: caller_account(region),
        narrate=narrate,
    )


def build_world(
    project: Project, environment: Mapping[str, str], record: Callable[[Sequence[StartedBuild]], None]
) -> BuildWorld:
    """Return what build touches."""
    region = project.plan.region
    return BuildWorld(
        codebuild=CodeBuildService(region),
        git=project.git,
        open_store=_Stores(region),
        status=_status(project, environment),
        narrate=narrate,
        record=record,
    )


def postbuild_world(project: Project, environment: Mapping[str, str]) -> PostbuildWorld:
    """Return what postbuild touches."""
    region = project.plan.region
    return PostbuildWorld(
        codebuild=CodeBuildService(region),
        logs=CloudWatchLogs(region),
        open_store=_Stores(region),
        status=_status(project, environment),
        clock=SystemClock(),
        narrate=narrate,
        write=write_bytes,
    )


class _Stores:
    """Opens buckets of one region, each after a look at its owner."""

    def __init__(self, region: str) -> None:
        self._region = region

    def __call__(self, bucket: str, account: str) -> ObjectStore:
        store = S3Store(bucket, account, region=self._region)
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
