"""The buildspec of one package."""

from __future__ import annotations

import json
from typing import Any

import jinja2

from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.vocabulary import Source


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
        runtime_version=build.target.python_version,
        settings=settings(plan, build),
        tool_sha256=plan.tool_sha256,
    )


def settings(plan: Plan, build: BuildPlan) -> dict[str, Any]:
    """Return what the zipapp is told about its work (the variable ORCHESTRATOR_SETTINGS)."""
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
        "trigger": {
            "api_url": plan.gitlab.api_url,
            "project": plan.gitlab.project,
            "token_parameter": plan.gitlab.trigger_parameter,
        },
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
