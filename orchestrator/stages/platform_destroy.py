"""`platform destroy`: everything goes, unless a project still uses it or somebody wants to keep the packages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.errors import Refused
from orchestrator.plan.platform import STATE_KEY, TAG, PlatformPlan
from orchestrator.stages.leftover import Packages, counted, keeps, some
from orchestrator.stages.platform import PlatformWorld, Render

# The parts of the root by Terraform's address. `module.state_bucket` holds the state to the end, so it is none of them.
_ROLES = "module.gitlab_oidc.module.roles"
_OIDC = "module.gitlab_oidc"
_PUBLISHED = "aws_ssm_parameter.this"
_PACKAGES = ("module.artifact_store", "aws_kms_alias.this", "aws_kms_key.this")


@dataclass(frozen=True)
class Destroyed:
    """What is left, a line each; nothing for a platform that is gone."""

    stays: Sequence[str] = field(default_factory=tuple)


def destroy(
    plan: PlatformPlan,
    render: Render,
    world: PlatformWorld,
    *,
    packages: Packages,
    agree: Callable[[Sequence[str]], None],
) -> Destroyed:
    """Take the platform away; `agree` sees what goes, and raises when that is not wanted.

    Raises `Refused` while CodeBuild projects or states of projects need it, and for a bucket that is not empty when
    nobody has said what becomes of the packages. Nothing was changed then. An interrupted one is finished by the next.
    """
    if not world.buckets.exists(plan.state_bucket):
        world.narrate(f"there is no bucket `{plan.state_bucket}`: nothing to take away")
        return Destroyed()
    _require_unused(plan, world)
    stored = world.buckets.keys(plan.bucket) if world.buckets.exists(plan.bucket) else ()
    keep = keeps(plan.bucket, stored, packages)
    shared = _shared_provider(plan, world)
    targets = [_ROLES if shared else _OIDC, _PUBLISHED, *(() if keep else _PACKAGES)]

    def agreed(changes: Sequence[str]) -> None:
        emptied = [f"  delete {counted(stored)} of `{plan.bucket}`"] if stored and not keep else []
        agree([*changes, *emptied])
        if emptied:
            world.buckets.empty(plan.bucket)

    if STATE_KEY in world.buckets.keys(plan.state_bucket):
        # What is in the state goes, whatever the root says of the provider.
        world.infrastructure.destroy(render(plan.state, provider_managed=True, imports={}), targets, agreed)
    else:
        agreed([f"  delete the bucket `{plan.state_bucket}`"])
    if keep:
        return Destroyed((_kept(plan, stored), *shared))
    world.buckets.empty(plan.state_bucket)
    world.buckets.remove(plan.state_bucket)
    world.narrate(f"removed the bucket `{plan.state_bucket}`")
    return Destroyed(tuple(shared))


def _require_unused(plan: PlatformPlan, world: PlatformWorld) -> None:
    beginnings = tuple(f"{name}-" for name in plan.projects)
    using = sorted(
        project.name
        for project in world.view.build_projects()
        if project.bucket == plan.bucket or project.name.startswith(beginnings)
    )
    if using:
        raise Refused(
            "projects still use this platform",
            detail=f"observed CodeBuild projects: {some(using)}\nexpected: none",
            hint="take them away first: `orchestrator dismantle` in each project",
        )
    used = sorted(key for key in world.buckets.keys(plan.state_bucket) if _in_use(plan, world, key))
    if used:
        raise Refused(
            "states of projects still describe something",
            detail=f"observed in `{plan.state_bucket}`: {some(used)}\nexpected: none, or states of nothing",
            hint="`orchestrator undeploy` for each environment and `orchestrator dismantle`, in each of these projects",
        )


def _in_use(plan: PlatformPlan, world: PlatformWorld, key: str) -> bool:
    """Tell whether an object of the state bucket says that something is there; what is no state says so, too."""
    if key in {STATE_KEY, f"{STATE_KEY}.tflock"}:
        return False
    content = world.buckets.read(plan.state_bucket, key)
    if content is None:  # only old versions
        return False
    try:
        state = json.loads(content)
    except ValueError:
        return True
    return not isinstance(state, dict) or bool(state.get("resources", True))


def _kept(plan: PlatformPlan, stored: Sequence[str]) -> str:
    return (
        f"`{plan.bucket}` with {counted(stored)}, the key `alias/orchestrator-platform` that encrypts them, "
        f"and `{plan.state_bucket}`, which knows of both"
    )


def _shared_provider(plan: PlatformPlan, world: PlatformWorld) -> list[str]:
    """Return what to say of a provider that this platform has made and others take roles through; nothing otherwise."""
    found = world.view.provider(plan.provider_arn)
    if found is None or found.tags.get(TAG) != plan.region:
        return []
    others = [role.arn for role in world.view.roles_trusting(plan.provider_arn) if role.tags.get(TAG) != plan.region]
    return [f"`{plan.provider_arn}`, through which others take roles: {some(sorted(others))}"] if others else []
