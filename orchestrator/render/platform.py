"""The Terraform root of a platform: static files, every value as JSON, and what is there already as imports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator import platform_outputs
from orchestrator.plan.digest import digest
from orchestrator.plan.model import RenderedRoot, StatePlan
from orchestrator.plan.platform import PlatformPlan
from orchestrator.render.terraform import backend

# Terraform's address of the bucket that its own state lies in.
STATE_BUCKET = 'module.state_bucket.aws_s3_bucket.this["this"]'
PROVIDER = 'module.gitlab_oidc.aws_iam_openid_connect_provider.this["this"]'


def platform_root(
    plan: PlatformPlan,
    *,
    modules: Mapping[str, str],
    backend_template: str,
    state: StatePlan,
    provider_managed: bool,
    imports: Mapping[str, str],
) -> RenderedRoot:
    """Render the root module of a platform.

    `modules` are the static files by relative path. `imports` names what is in the account already and belongs to this
    root, by Terraform's address; for what is in the state, too, that says nothing new.
    """
    variables = _variables(plan, provider_managed=provider_managed)
    files = dict(modules)
    files["terraform.tfvars.json"] = _json(variables)
    files["backend.tf"] = backend(backend_template, state.backend)
    if imports:
        # In JSON, so that no name becomes Terraform's language (Terraform docs: JSON configuration syntax, `import`).
        files["imports.tf.json"] = _json({"import": [{"to": to, "id": name} for to, name in sorted(imports.items())]})
    return RenderedRoot(files=files, settings_digest=digest([dict(modules), variables]), state=state)


def _variables(plan: PlatformPlan, *, provider_managed: bool) -> dict[str, Any]:
    return {
        "artifact_store": {"bucket": plan.bucket, "retention_days": plan.retention_days},
        "gitlab": {
            "audience": plan.audience,
            "issuer": plan.issuer,
            "provider_managed": provider_managed,
            "url": plan.gitlab_url,
        },
        "permissions_boundary_arn": plan.permissions_boundary,
        "projects": dict(plan.projects),
        "published": {
            "names": platform_outputs.platform_names(),
            "projects": {
                name: platform_outputs.project_names(name, deploys=project["deploy"] is not None)
                for name, project in plan.projects.items()
            },
            "version": platform_outputs.VERSION,
        },
        "region": plan.region,
        "state": {"bucket": plan.state_bucket, "retention_days": plan.state_retention_days},
        "tags": dict(plan.tags),
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
