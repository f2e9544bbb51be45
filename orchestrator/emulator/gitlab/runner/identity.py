"""`id_tokens`: JWTs with the claims that GitLab's have, but unsigned, because nobody here checks them."""

from __future__ import annotations

import base64
import json
import time
import uuid

from orchestrator.emulator.gitlab.ci.expansion import expand
from orchestrator.emulator.gitlab.records import Job, Pipeline
from orchestrator.emulator.gitlab.world import World, is_protected


def tokens(world: World, pipeline: Pipeline, job: Job) -> dict[str, str]:
    """Return variable name -> token for every entry of the job's `id_tokens`."""
    made = {}
    for name, settings in (job.spec.get("id_tokens") or {}).items():
        audience = settings.get("aud") if isinstance(settings, dict) else None
        made[str(name)] = _token(_claims(world, pipeline, job, audience))
    return made


def _claims(world: World, pipeline: Pipeline, job: Job, audience: object) -> dict[str, object]:
    project, user = world.project_of(job), world.state.users[job.user_id]
    kind, issued = "tag" if job.tag else "branch", int(time.time())
    lifetime = int(job.spec.get("timeout_seconds") or project.setting("build_timeout"))
    return {
        "iss": world.server.url,
        "sub": f"project_path:{project.full_path}:ref_type:{kind}:ref:{job.ref}",
        "aud": _audience(audience, world.server.url),
        "iat": issued,
        "nbf": issued - 5,
        "exp": issued + lifetime,
        "jti": str(uuid.uuid4()),
        "namespace_path": project.namespace,
        "project_id": str(project.id),
        "project_path": project.full_path,
        "user_id": str(user.id),
        "user_login": user.username,
        "user_email": user.email,
        "pipeline_id": str(pipeline.id),
        "pipeline_source": pipeline.source,
        "job_id": str(job.id),
        "ref": job.ref,
        "ref_type": kind,
        "ref_protected": str(is_protected(project, job.ref, tag=job.tag)).lower(),
        "sha": job.sha,
        "runner_environment": "self-hosted",
    }


def _audience(audience: object, server: str) -> object:
    """Return the audience with the address of the server where it asks for it; other variables stay as they are."""
    texts = audience if isinstance(audience, list) else [audience or server]
    found = [expand(str(text), {"CI_SERVER_URL": server}, missing_is_kept=True) for text in texts]
    return found if isinstance(audience, list) else found[0]


def _token(claims: dict[str, object]) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return f"{'.'.join(encoded)}."
