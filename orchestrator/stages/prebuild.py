"""prebuild: make AWS look like the plan, and do nothing when it already does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.plan.model import Plan, RenderedRoot
from orchestrator.plan.names import tool_key
from orchestrator.ports import CodeBuild, Infrastructure, Narrator, OpenStore, Parameters
from orchestrator.records import ProjectRecord


@dataclass(frozen=True)
class Prebuilt:
    """What prebuild leaves behind. `applied` is False when nothing had to be changed."""

    applied: bool
    bucket: str
    account: str
    codebuild_projects: tuple[str, ...]
    settings_digest: str


@dataclass(frozen=True)
class PrebuildWorld:
    """What prebuild touches."""

    codebuild: CodeBuild
    parameters: Parameters
    infrastructure: Infrastructure
    open_store: OpenStore
    account: Callable[[], str]
    narrate: Narrator


def prebuild(plan: Plan, root: RenderedRoot, tool: bytes, world: PrebuildWorld) -> Prebuilt:
    """Apply the rendered root unless exactly it was applied before, then store the zipapp.

    Raises `ConfigurationError` when an SSM parameter that the build will read does not exist.
    """
    _require_parameters(plan, world.parameters)
    projects = world.codebuild.projects(sorted(plan.by_codebuild_project()))
    applied = not _is_current(plan, root, projects) or _bucket_is_gone(plan, projects, world)
    if applied:
        _check_given_bucket(plan, world)
        bucket, account = _apply(root, world)
    else:
        world.narrate(f"settings {root.settings_digest[:12]} are applied already: Terraform is not needed")
        first = next(iter(projects.values()))
        bucket, account = first.bucket, first.account
    if _store_tool(plan, tool, bucket, account, world):
        world.narrate(f"stored the build tool {plan.tool_sha256[:12]} in `{bucket}`")
    return Prebuilt(
        applied=applied,
        bucket=bucket,
        account=account,
        codebuild_projects=tuple(sorted(plan.by_codebuild_project())),
        settings_digest=root.settings_digest,
    )


def _require_parameters(plan: Plan, parameters: Parameters) -> None:
    missing = parameters.missing(plan.parameters)
    if missing:
        raise ConfigurationError(
            f"SSM parameter{'s' if len(missing) > 1 else ''} missing in {plan.region}: "
            + ", ".join(f"`{name}`" for name in missing),
            detail="expected: a SecureString, read at the moment it is needed",
            hint=_how_to_get(plan, missing[0])
            + f": `aws ssm put-parameter --type SecureString --name {missing[0]} --value file://token`",
        )


def _how_to_get(plan: Plan, parameter: str) -> str:
    if parameter == plan.gitlab.trigger_parameter:
        return "create a trigger token in GitLab (Settings, CI/CD, Pipeline trigger tokens) and store it"
    return "store what the build clones with, a user name and a token with the scope `read_repository`"


def _is_current(plan: Plan, root: RenderedRoot, projects: Mapping[str, ProjectRecord]) -> bool:
    return all(
        name in projects and projects[name].settings_digest == root.settings_digest and projects[name].bucket
        for name in plan.by_codebuild_project()
    )


def _bucket_is_gone(plan: Plan, projects: Mapping[str, ProjectRecord], world: PrebuildWorld) -> bool:
    """Tell whether somebody has deleted the bucket that Terraform made: then Terraform has to make it again."""
    if not plan.artifacts.managed:
        return False
    first = next(iter(projects.values()))
    try:
        world.open_store(first.bucket, first.account)
    except ConfigurationError as error:
        world.narrate(f"{error.what}: Terraform is needed")
        return True
    return False


def _check_given_bucket(plan: Plan, world: PrebuildWorld) -> None:
    """Look at a bucket that somebody else made before anything is built on it."""
    if plan.artifacts.bucket and not plan.artifacts.managed:
        world.open_store(plan.artifacts.bucket, world.account())


def _apply(root: RenderedRoot, world: PrebuildWorld) -> tuple[str, str]:
    outputs = world.infrastructure.apply(root)
    described: Mapping[str, Any] = outputs.get("build_projects") or {}
    for project in described.values():
        return str(project["bucket"]), str(project["arn"]).split(":")[4]
    raise MachineryError(
        "Terraform gave no `build_projects`",
        detail=f"observed outputs: {', '.join(outputs) or 'none'}",
        hint="run `orchestrator prebuild` again",
    )


def _store_tool(plan: Plan, tool: bytes, bucket: str, account: str, world: PrebuildWorld) -> bool:
    store = world.open_store(bucket, account)
    key = tool_key(plan.artifacts.prefix, plan.tool_sha256)
    # The key is the digest, so what is there is right; the build compares it again.
    return not store.exists(key) and store.put_new(key, tool, sha256=plan.tool_sha256)
