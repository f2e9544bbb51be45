"""The Terraform root: static modules, one chosen backend, and every value as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import jinja2

from orchestrator.plan.digest import digest
from orchestrator.plan.model import BuildPlan, Plan, RenderedRoot
from orchestrator.render.buildspec import buildspec
from orchestrator.vocabulary import CacheKind, StateBackend

# The one file of the root that is no text, so no part of a rendered root: whoever writes the root puts it there, and
# Terraform stops at one that has not the digest of the plan.
HANDBACK_FILE = "handback.zip"
BACKEND_TYPES = {StateBackend.LOCAL: "local", StateBackend.S3: "s3", StateBackend.GITLAB: "http"}


def terraform_root(
    plan: Plan, *, modules: Mapping[str, str], backend_template: str, buildspec_template: str
) -> RenderedRoot:
    """Render the root module of a plan.

    `modules` are the static files by relative path. The digest covers all that can change what is applied, and
    nothing else: who asks for it, and where the state lies, is not part of it.
    """
    variables = _variables(plan, buildspec_template)
    settings_digest = digest([dict(modules), variables])
    for build in variables["builds"].values():
        build["settings_digest"] = settings_digest
    files = dict(modules)
    files["terraform.tfvars.json"] = _json(variables)
    files["backend.tf"] = backend(backend_template, plan.state.backend)
    return RenderedRoot(files=files, settings_digest=settings_digest, state=plan.state)


def backend(template: str, kind: StateBackend) -> str:
    """Render the one file of a root that is made: it names the type of the backend."""
    return (
        jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - the text is HCL
        .from_string(template)
        .render(backend=BACKEND_TYPES[kind])
    )


def with_editor(root: RenderedRoot, editor: str | None) -> RenderedRoot:
    """Note who started the pipeline (report B's `TF_VAR_EDITOR`); it becomes a tag of what is applied."""
    if not editor:
        return root
    files = {**root.files, "editor.auto.tfvars.json": _json({"editor": editor})}
    return RenderedRoot(files=files, settings_digest=root.settings_digest, state=root.state)


def _variables(plan: Plan, buildspec_template: str) -> dict[str, Any]:
    return {
        "region": plan.region,
        "tags": dict(plan.tags),
        "artifact_store": {
            "bucket": plan.artifacts.bucket,
            "kms_key_arn": plan.artifacts.key_arn,
            "managed": plan.artifacts.managed,
            "name": plan.project,
            "prefix": plan.artifacts.prefix,
            "retention_days": plan.artifacts.retention_days,
        },
        "builds": {build.codebuild_project: _build(plan, build, buildspec_template) for build in plan.builds},
        "handback": _handback(plan),
        "permissions_boundary_arn": plan.permissions_boundary,
    }


def _handback(plan: Plan) -> dict[str, Any] | None:
    chosen = plan.handback
    if chosen is None:
        return None
    return {
        "alarm_topic_arn": chosen.alarm_topic_arn,
        "code": {"file": HANDBACK_FILE, "sha256": chosen.code_sha256},
        "gitlab": {
            "api_url": plan.gitlab.api_url,
            "inputs": chosen.inputs,
            "project": plan.gitlab.project,
            "token_parameter": plan.gitlab.trigger_parameter,
        },
        "kms_key_arns": {"log": chosen.log_key_arn, "token": chosen.token_key_arn},
        "log_retention_days": chosen.log_retention_days,
        "reserved_concurrency": chosen.reserved_concurrency,
    }


def _build(plan: Plan, build: BuildPlan, template: str) -> dict[str, Any]:
    return {
        "architecture": str(build.target.architecture),
        "build_timeout_minutes": build.timeout_minutes,
        "buildspec": buildspec(plan, build, template=template),
        "cache": _cache(build),
        "compute_type": build.compute_type,
        "concurrent_build_limit": build.concurrent_builds,
        "description": f"{build.package} of {plan.project} for {build.target.architecture}, {build.target.runtime}",
        "environment_type": build.environment_type,
        "fleet_arn": build.fleet,
        "image": build.image,
        "log_retention_days": build.log_retention_days,
        "parameters": plan.build_parameters,
        "privileged": build.privileged,
        "queued_timeout_minutes": build.queue_timeout_minutes,
        "registry_credential_arn": build.registry_credential,
        "variables": {},
        "vpc": asdict(build.vpc) if build.vpc else None,
    }


def _cache(build: BuildPlan) -> dict[str, Any] | None:
    if build.cache is None:
        return None
    local = build.cache.kind is CacheKind.LOCAL
    return {"modes": build.cache.modes if local else [], "type": str(build.cache.kind).upper()}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
