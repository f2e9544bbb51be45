"""From configuration to plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from orchestrator.config.model import Configuration, Handback
from orchestrator.config.package_model import Build, Package
from orchestrator.config.requirements import requirements_file
from orchestrator.errors import ConfigurationError
from orchestrator.plan.environments import ENVIRONMENT_TYPES, LAMBDA_MINUTES, compute_type
from orchestrator.plan.model import (
    AllowPlan,
    ArtifactsPlan,
    BuildPlan,
    CachePlan,
    GitLabPlan,
    HandbackPlan,
    Plan,
    StatePlan,
    Target,
    VpcPlan,
)
from orchestrator.plan.names import codebuild_project
from orchestrator.vocabulary import Kind, Machine, Return, Source, StateBackend


def make_plan(
    configuration: Configuration,
    *,
    base: str,
    read: Callable[[str], bytes | None],
    tool_sha256: str,
    handback_sha256: str,
) -> Plan:
    """Return what the stages will do.

    `base` is the folder of orchestrator.yml in the repository (`.` for its top); `read` gives the content of
    a file below that folder, None if there is none. The digests are those of what travels to AWS: the zipapp of the
    builds, and the zip of the function behind `return: event`.
    """
    return Plan(
        project=configuration.project,
        region=configuration.region,
        return_=configuration.return_,
        source=configuration.source,
        artifacts=ArtifactsPlan(
            bucket=configuration.artifacts.bucket,
            key_arn=configuration.artifacts.key_arn,
            managed=configuration.artifacts.managed,
            prefix=configuration.artifacts.prefix,
            retention_days=configuration.artifacts.retention_days,
        ),
        gitlab=_gitlab(configuration),
        handback=_handback(configuration, handback_sha256),
        state=_state(configuration),
        permissions_boundary=configuration.permissions_boundary,
        functions_boundary=configuration.functions_boundary,
        tags=dict(configuration.tags),
        builds=tuple(
            _build(configuration, name, package, base, read) for name, package in sorted(configuration.packages.items())
        ),
        supersede=configuration.supersede,
        tool_sha256=tool_sha256,
    )


def only(plan: Plan, names: tuple[str, ...]) -> Plan:
    """Return the plan with only the named packages; all of them when none is named."""
    known = [build.package for build in plan.builds]
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"there is no package `{name}`",
                detail=f"expected one of: {', '.join(known)}",
                hint="name a package of orchestrator.yml",
            )
    return replace(plan, builds=tuple(build for build in plan.builds if not names or build.package in names))


def _build(
    configuration: Configuration, name: str, package: Package, base: str, read: Callable[[str], bytes | None]
) -> BuildPlan:
    row = configuration.runtimes.get(package.runtime)
    target = Target(package.architecture, package.runtime, row.as_row() if row else None)
    plain = package.kind is Kind.CUSTOM or target.resolved.runtime.python is None
    requirements = None if plain else requirements_file(name, package, read)
    asked = package.system_packages
    return BuildPlan(
        package=name,
        kind=package.kind,
        target=target,
        source=_place(base, package.source),
        requirements=None if requirements is None else _place(base, requirements),
        environment=dict(package.environment),
        system_packages=asked if isinstance(asked, tuple) else asked.by_manager(),
        commands=package.commands,
        output=None if package.output is None else _place(base, package.source, package.output),
        exclude=package.exclude,
        bytecode=package.bytecode,
        smoke=package.smoke,
        allow=tuple(AllowPlan(item.rule.value, item.file, item.subject, item.reason) for item in package.allow),
        allow_pure=package.allow_pure,
        where=package.build.where,
        keep_wheels=package.build.keep_wheels,
        codebuild_project=codebuild_project(configuration.project, name),
        environment_type=ENVIRONMENT_TYPES[package.build.machine, package.architecture],
        image=package.build.image,
        registry_credential=package.build.registry_credential,
        compute_type=compute_type(package.build.compute),
        privileged=package.build.privileged,
        fleet=package.build.fleet,
        vpc=_vpc(package.build),
        cache=_cache(package.build),
        timeout_minutes=LAMBDA_MINUTES if package.build.machine is Machine.LAMBDA else package.build.timeout_minutes,
        queue_timeout_minutes=package.build.queue_timeout_minutes,
        concurrent_builds=package.build.concurrent_builds,
        log_retention_days=package.build.log_retention_days,
        reuse_hours=package.build.reuse_hours,
    )


def _vpc(build: Build) -> VpcPlan | None:
    vpc = build.vpc
    return VpcPlan(vpc.id, tuple(sorted(vpc.subnets)), tuple(sorted(vpc.security_groups))) if vpc else None


def _cache(build: Build) -> CachePlan | None:
    return CachePlan(build.cache.kind, build.cache.paths, build.cache.docker_layers) if build.cache else None


def _place(*parts: str) -> str:
    """Return a path in the repository."""
    return str(PurePosixPath(*parts))


def _gitlab(configuration: Configuration) -> GitLabPlan:
    clone = configuration.clone if configuration.source is Source.CLONE else None
    return GitLabPlan(
        url=configuration.gitlab.url,
        project=configuration.gitlab.project or "",
        trigger_parameter=None if configuration.return_ is Return.WAIT else configuration.trigger.token_parameter,
        clone_url=clone.url if clone else None,
        username_parameter=clone.username_parameter if clone else None,
        token_parameter=clone.token_parameter if clone else None,
    )


def _handback(configuration: Configuration, code_sha256: str) -> HandbackPlan | None:
    if configuration.return_ is not Return.EVENT:
        return None
    chosen = configuration.handback or Handback()
    return HandbackPlan(code_sha256=code_sha256, **chosen.model_dump())


def _state(configuration: Configuration) -> StatePlan:
    terraform = configuration.terraform
    settings: Mapping[str, str | bool]
    if terraform.state is StateBackend.S3:
        settings = {
            "bucket": terraform.bucket or "",
            "encrypt": True,
            "key": terraform.key,
            "region": terraform.region,
            "use_lockfile": terraform.use_lockfile,
        }
    elif terraform.state is StateBackend.GITLAB:
        settings = _gitlab_state(configuration.gitlab.api_url, configuration.gitlab.project or "", terraform.name)
    else:
        # Terraform works two folders below orchestrator.yml, in `.orchestrator/terraform`.
        settings = {"path": str(PurePosixPath("..", "..", terraform.path))}
    return StatePlan(terraform.state, settings, terraform.lock_timeout_seconds)


def _gitlab_state(api_url: str, project: str, name: str) -> dict[str, str | bool]:
    address = f"{api_url}/projects/{project.replace('/', '%2F')}/terraform/state/{name}"
    return {
        "address": address,
        "lock_address": f"{address}/lock",
        "lock_method": "POST",
        "unlock_address": f"{address}/lock",
        "unlock_method": "DELETE",
    }
