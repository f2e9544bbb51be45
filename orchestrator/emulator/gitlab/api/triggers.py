"""Pipeline trigger tokens, and `POST /projects/:id/trigger/pipeline` (docs: api/pipeline_triggers)."""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Any

from werkzeug import Response

from orchestrator.emulator.gitlab.access import Identity, job_of_token
from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import ApiError, Call, answer, invalid, message, missing, nothing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.pipelines.create import Order, Refused, create
from orchestrator.emulator.gitlab.records import MAINTAINER, Job, Json, Pipeline, Project, Trigger, Variable, now

routes = Routes()


def _show(call: Call, trigger: Trigger) -> Json:
    mine = call.caller.user.id == trigger.owner_id
    return {
        "id": trigger.id,
        "token": trigger.token if mine else trigger.token.removeprefix("glptt-")[:4],
        "description": trigger.description,
        "created_at": trigger.created_at,
        "updated_at": trigger.updated_at,
        "deleted_at": None,
        "last_used": trigger.last_used,
        "expires_at": trigger.expires_at,
        "owner": present.user(call.world, call.world.state.users[trigger.owner_id]),
    }


@routes.add("GET", "/projects/<project>/triggers")
def listing(call: Call) -> Response:
    """List the trigger tokens of a project."""
    return call.page(call.project(MAINTAINER).triggers, lambda item: _show(call, item))


@routes.add("POST", "/projects/<project>/triggers")
def add(call: Call) -> Response:
    """Create a trigger token, owned by the caller."""
    project = call.project(MAINTAINER)
    (description,) = call.require("description")
    state = call.world.state
    with state.lock:
        token = f"glptt-{secrets.token_hex(20)}"
        trigger = Trigger(state.next_id("trigger"), token, description, call.caller.user.id)
        project.triggers.append(trigger)
        state.save_project(project)
    return answer(_show(call, trigger), 201)


def _trigger(call: Call, project: Project) -> Trigger:
    number = call.number("trigger_id")
    found = next((item for item in project.triggers if item.id == number), None)
    if found is None:
        raise missing("Trigger")
    return found


@routes.add("GET", "/projects/<project>/triggers/<trigger_id>")
def show(call: Call) -> Response:
    """Show a trigger token."""
    return answer(_show(call, _trigger(call, call.project(MAINTAINER))))


@routes.add("PUT", "/projects/<project>/triggers/<trigger_id>")
def edit(call: Call) -> Response:
    """Change the description of a trigger token."""
    project = call.project(MAINTAINER)
    trigger = _trigger(call, project)
    trigger.description = call.text("description") or trigger.description
    trigger.updated_at = now()
    call.world.state.save_project(project)
    return answer(_show(call, trigger))


@routes.add("DELETE", "/projects/<project>/triggers/<trigger_id>")
def delete(call: Call) -> Response:
    """Revoke a trigger token."""
    project = call.project(MAINTAINER)
    project.triggers.remove(_trigger(call, project))
    call.world.state.save_project(project)
    return nothing()


@routes.add("POST", "/projects/<project>/trigger/pipeline")
@routes.add("POST", "/projects/<project>/ref/<ref>/trigger/pipeline")
def start(call: Call) -> Response:
    """Start a pipeline with a trigger token or a job token; the token itself is the only credential."""
    if "ref" in call.args:
        call.params["ref"] = call.args["ref"]
    ref, token = call.require("ref", "token")
    variables, inputs = _texts(call, "variables"), _mapping(call, "inputs")
    project = call.public_project()
    trigger, job = _owner_of(call, project, token)
    payload = {key: value for key, value in call.params.items() if key != "token"}
    order = Order(
        project,
        ref,
        "trigger" if trigger else "pipeline",
        variables=[Variable(key, value) for key, value in variables.items()],
        payload=json.dumps({"id": call.args["project"], **payload}, ensure_ascii=False) if trigger else None,
        inputs=inputs,
        lenient_inputs=True,
        trigger_token=trigger.token if trigger else None,
        upstream_job=job,
    )
    state = call.world.state
    user = state.users[trigger.owner_id if trigger else job.user_id if job else 0]
    if trigger:
        trigger.last_used = now()
        state.save_project(project)
    pipeline = start_or_refuse(call, Identity(user, frozenset({"api"})), order)
    return answer(present.pipeline_detail(call.world, pipeline), 201)


def _owner_of(call: Call, project: Project, token: str) -> tuple[Trigger | None, Job | None]:
    for trigger in project.triggers:
        if hmac.compare_digest(trigger.token.encode(), token.encode("utf-8", "replace")):
            if trigger.expires_at is not None and trigger.expires_at <= now():
                raise missing()
            return trigger, None
    job = job_of_token(call.world.state, token)
    if job is None:
        raise missing()
    if job.status != "running":
        raise message(401, "Job is not running")
    return None, job


def _mapping(call: Call, name: str) -> dict[str, Any]:
    value = call.params.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise invalid(f"{name} is invalid")
    return value


def _texts(call: Call, name: str) -> dict[str, str]:
    found = _mapping(call, name)
    if not all(isinstance(value, str) for value in found.values()):
        raise message(400, f"{name} needs to be a map of key-valued strings")
    return found


def start_or_refuse(call: Call, identity: Identity, order: Order) -> Pipeline:
    """Create a pipeline; a refusal becomes the 400 of GitLab."""
    try:
        return create(call.world, identity, order)
    except Refused as refused:
        raise ApiError(400, {"message": {"base": refused.reasons}}) from None
