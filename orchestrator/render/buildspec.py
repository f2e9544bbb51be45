"""The buildspec of one package."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import jinja2

from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.vocabulary import Return, Source, Where


def buildspec(plan: Plan, build: BuildPlan, *, template: str) -> str:
    """Render the buildspec. Every value passes through JSON, which YAML reads as it is written."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the text is YAML, and every value goes through `json`
    )
    environment.filters["json"] = _json
    return environment.from_string(template).render(
        architecture=str(build.target.architecture),
        runtime=build.target.runtime,
        runtime_versions=build.runtime_versions,
        cache_paths=list(build.cache.paths) if build.cache else [],
        settings=settings(plan, build),
        tool_sha256=plan.tool_sha256,
        return_=str(plan.return_),
    )


def settings(plan: Plan, build: BuildPlan) -> dict[str, Any]:
    """Return what the zipapp is told about its work (the variable ORCHESTRATOR_SETTINGS).

    What a package leaves at its default is left out: the variable is a part of every build's record.
    """
    kept: dict[str, Any] = {} if build.keep_wheels else {"keep_wheels": False}
    if plan.return_ is Return.TRIGGER:
        kept["trigger"] = {
            "api_url": plan.gitlab.api_url,
            "project": plan.gitlab.project,
            "token_parameter": plan.gitlab.trigger_parameter,
        }
    return {**_always(plan, build), **{name: value for name, value in _sometimes(build).items() if value}, **kept}


def _sometimes(build: BuildPlan) -> dict[str, Any]:
    packages = build.system_packages
    row = build.target.row
    return {
        "runtimes": {build.target.runtime: dict(row)} if row else None,
        "system_packages": list(packages)
        if isinstance(packages, tuple)
        else {manager: list(names) for manager, names in sorted(packages.items())},
        "commands": list(build.commands),
        "output": build.output,
        "exclude": list(build.exclude),
        "bytecode": build.bytecode,
        "smoke": list(build.smoke),
        "allow": [asdict(item) for item in build.allow],
        "allow_pure": list(build.allow_pure),
        "where": None if build.where is Where.CODEBUILD else str(build.where),
    }


def _always(plan: Plan, build: BuildPlan) -> dict[str, Any]:
    return {
        "project": plan.project,
        "package": build.package,
        "kind": str(build.kind),
        "architecture": str(build.target.architecture),
        "runtime": build.target.runtime,
        "source": build.source,
        "requirements": build.requirements,
        "environment": dict(sorted(build.environment.items())),
        "fetch": str(plan.source),
        "clone": _clone(plan),
        "prefix": plan.artifacts.prefix,
    }


def _json(value: Any) -> str:
    """Return JSON that is also YAML: pure ASCII, without the one such character that YAML refuses to read."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _clone(plan: Plan) -> dict[str, Any] | None:
    if plan.source is not Source.CLONE:
        return None
    return {
        "url": plan.gitlab.clone_url,
        "username_parameter": plan.gitlab.username_parameter,
        "token_parameter": plan.gitlab.token_parameter,
    }
