"""The plan as people read it."""

from __future__ import annotations

from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.vocabulary import Return, Where


def plan_text(plan: Plan, settings_digest: str) -> str:
    """Return the plan as lines of `label: value`, one block per package."""
    bucket = plan.artifacts.bucket or f"{plan.project}-<account>-{plan.region} (made by Terraform)"
    lines = [
        f"project:   {plan.project}",
        f"region:    {plan.region}",
        f"source:    {plan.source}",
        f"return:    {_return(plan)}",
        f"bucket:    {bucket}",
        f"state:     {plan.state.backend}",
        f"settings:  {settings_digest[:12]}",
    ]
    for build in plan.builds:
        lines += ["", *_build_lines(build)]
    return "\n".join(lines) + "\n"


def _return(plan: Plan) -> str:
    if plan.return_ is Return.WAIT:
        return f"{plan.return_}, in the pipeline that has started the build"
    return f"{plan.return_} to {plan.gitlab.project or 'the GitLab project'} on {plan.gitlab.url}"


def _build_lines(build: BuildPlan) -> list[str]:
    limit = f", at most {build.concurrent_builds} at once" if build.concurrent_builds else ""
    made = {
        "system:": _system(build),
        "commands:": f"{len(build.commands)}, which leave {build.output}" if build.commands else "",
        "exclude:": ", ".join(build.exclude),
        "smoke:": ", ".join(build.smoke),
        "allow:": ", ".join(f"{item.rule} of {item.subject} in {item.file}" for item in build.allow),
        "where:": "in the job if nothing has to be compiled" if build.where is Where.AUTO else "",
    }
    return [
        f"package {build.package} ({build.kind})",
        f"  target:        {build.target.architecture}, {build.target.runtime}",
        f"  source:        {build.source}",
        f"  requirements:  {build.requirements or 'none'}",
        *(f"  {label:<15}{text}" for label, text in made.items() if text),
        f"  CodeBuild:     {build.codebuild_project}",
        f"  environment:   {build.environment_type}, {build.compute_type}, {build.image}",
        *(f"  {label:<15}{text}" for label, text in _surroundings(build).items() if text),
        f"  time-outs:     {build.timeout_minutes} min, {build.queue_timeout_minutes} min in the queue{limit}",
    ]


def _surroundings(build: BuildPlan) -> dict[str, str]:
    cache, vpc = build.cache, build.vpc
    kept = [*cache.paths, *(["layers of Docker images"] if cache.docker_layers else [])] if cache else []
    return {
        "network:": f"{vpc.id}, {', '.join(vpc.subnets)}, {', '.join(vpc.security_groups)}" if vpc else "",
        "fleet:": build.fleet or "",
        "cache:": f"{cache.kind}, {', '.join(kept)}" if cache else "",
        "privileged:": "yes: a build has all of its machine" if build.privileged else "",
        "registry:": f"with {build.registry_credential}" if build.registry_credential else "",
    }


def _system(build: BuildPlan) -> str:
    packages = build.system_packages
    if isinstance(packages, tuple):
        return ", ".join(packages)
    return "; ".join(f"{manager}: {', '.join(names)}" for manager, names in sorted(packages.items()))
