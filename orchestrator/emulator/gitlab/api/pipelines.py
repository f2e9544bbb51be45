"""Pipelines: list, show, create, cancel, retry, delete (docs: api/pipelines)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from werkzeug import Response

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import Call, answer, invalid, message, missing, nothing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.api.triggers import start_or_refuse
from orchestrator.emulator.gitlab.pipelines.actions import cancel_pipeline, retry_pipeline
from orchestrator.emulator.gitlab.pipelines.create import Order
from orchestrator.emulator.gitlab.records import DEVELOPER, OWNER, REPORTER, Pipeline, Variable

routes = Routes()

_SCOPES: dict[str, Callable[[Pipeline], bool]] = {
    "running": lambda item: item.status == "running",
    "pending": lambda item: item.status == "pending",
    "finished": lambda item: item.status in {"success", "failed", "canceled"},
    "branches": lambda item: not item.tag,
    "tags": lambda item: item.tag,
}
_ORDER: dict[str, Callable[[Pipeline], Any]] = {
    "id": lambda item: item.id,
    "status": lambda item: item.status,
    "ref": lambda item: item.ref,
    "updated_at": lambda item: item.updated_at,
    "user_id": lambda item: item.user_id,
}


@routes.add("GET", "/projects/<project>/pipelines")
def listing(call: Call) -> Response:
    """List pipelines, newest first; `ref`, `sha`, `source`, `status`, `scope`, `username`, … narrow it."""
    project = call.project(REPORTER)
    scope = call.text("scope")
    if scope is not None and scope not in _SCOPES:
        raise invalid("scope does not have a valid value")
    found = [item for item in call.world.state.pipelines_of(project) if _wanted(call, item)]
    by, sort = call.text("order_by", "id"), call.text("sort", "desc")
    if by not in _ORDER or sort not in {"asc", "desc"}:
        raise invalid(
            "order_by does not have a valid value" if by not in _ORDER else "sort does not have a valid value"
        )
    found.sort(key=_ORDER[by], reverse=sort == "desc")
    return call.page(found, lambda item: present.pipeline(call.world, item))


def _wanted(call: Call, item: Pipeline) -> bool:
    for name in ("ref", "sha", "source", "status", "name"):
        wanted = call.text(name)
        if wanted is not None and getattr(item, name) != wanted:
            return False
    scope = call.text("scope")
    if scope is not None and not _SCOPES[scope](item):
        return False
    username = call.text("username")
    if username is not None and call.world.state.users[item.user_id].username != username:
        return False
    after, before = call.text("updated_after"), call.text("updated_before")
    return (after is None or item.updated_at >= after) and (before is None or item.updated_at <= before)


@routes.add("GET", "/projects/<project>/pipelines/latest")
def latest(call: Call) -> Response:
    """Show the newest pipeline of a branch's newest commit."""
    project = call.project(REPORTER)
    ref = call.text("ref") or project.default_branch
    sha = call.world.repository(project).resolve(ref)
    found = (item for item in call.world.state.pipelines_of(project) if item.ref == ref and item.sha == sha)
    pipeline = next(found, None)
    if pipeline is None:
        raise message(403, "403 Forbidden")
    return answer(present.pipeline_detail(call.world, pipeline))


@routes.add("GET", "/projects/<project>/pipelines/<pipeline_id>")
def show(call: Call) -> Response:
    """Show a pipeline."""
    return answer(present.pipeline_detail(call.world, call.pipeline(call.project(REPORTER))))


@routes.add("GET", "/projects/<project>/pipelines/<pipeline_id>/variables")
def variables(call: Call) -> Response:
    """List the variables a pipeline was started with."""
    pipeline = call.pipeline(call.project(DEVELOPER))
    return call.page(pipeline.variables, present.pipeline_variable)


@routes.add("GET", "/projects/<project>/pipelines/<pipeline_id>/test_report")
def test_report(call: Call) -> Response:
    """Show the empty test report: JUnit files are kept, but not read."""
    call.pipeline(call.project(REPORTER))
    counts = ("total_time", "total_count", "success_count", "failed_count", "skipped_count", "error_count")
    return answer({**dict.fromkeys(counts, 0), "test_suites": []})


@routes.add("POST", "/projects/<project>/pipeline")
def start(call: Call) -> Response:
    """Start a pipeline (source `api`) with `variables` as a list of key and value, and `inputs`."""
    project = call.project(DEVELOPER)
    (ref,) = call.require("ref")
    inputs = call.params.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise invalid("inputs is invalid")
    order = Order(
        project,
        ref,
        "api",
        variables=given_variables(call),
        inputs=inputs,
        lenient_inputs=call.request.mimetype != "application/json",
        keep_broken=False,
    )
    return answer(present.pipeline_detail(call.world, start_or_refuse(call, call.caller, order)), 201)


def given_variables(call: Call, name: str = "variables") -> list[Variable]:
    """Return the variables of a body, a list of hashes with `key` and `value`."""
    items = call.params.get(name) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise invalid(f"{name} is invalid")
    found = []
    for item in items:
        key, value, kind = item.get("key"), item.get("value", ""), item.get("variable_type", "env_var")
        if not isinstance(key, str) or not key:
            raise invalid(f"{name}[0][key] is missing")
        if kind not in {"env_var", "file"}:
            raise invalid(f"{name}[0][variable_type] does not have a valid value")
        found.append(Variable(key, str(value), kind))
    return found


@routes.add("POST", "/projects/<project>/pipelines/<pipeline_id>/cancel")
def cancel(call: Call) -> Response:
    """Cancel every job of a pipeline that has not ended."""
    pipeline = call.pipeline(call.project(DEVELOPER))
    cancel_pipeline(call.world.state, pipeline)
    return answer(present.pipeline_detail(call.world, pipeline))


@routes.add("POST", "/projects/<project>/pipelines/<pipeline_id>/retry")
def retry(call: Call) -> Response:
    """Run the failed and canceled jobs of a pipeline again."""
    pipeline = call.pipeline(call.project(DEVELOPER))
    retry_pipeline(call.world.state, pipeline, user_id=call.caller.user.id)
    return answer(present.pipeline_detail(call.world, pipeline), 201)


@routes.add("DELETE", "/projects/<project>/pipelines/<pipeline_id>")
def delete(call: Call) -> Response:
    """Delete a pipeline with its logs and artifacts."""
    pipeline = call.pipeline(call.project(OWNER))
    cancel_pipeline(call.world.state, pipeline)
    call.world.state.remove_pipeline(pipeline)
    for job in pipeline.jobs:
        call.world.trace(job).unlink(missing_ok=True)
        shutil.rmtree(call.world.artifacts(job), ignore_errors=True)
    return nothing()


@routes.add("PUT", "/projects/<project>/pipelines/<pipeline_id>/metadata", job_token=True)
def rename(call: Call) -> Response:
    """Give a pipeline a name; also open to the token of one of its jobs."""
    project = call.public_project() if call.caller.job else call.project(DEVELOPER)
    pipeline = call.pipeline(project)
    if call.caller.job and call.caller.job.pipeline_id != pipeline.id:
        raise missing()
    pipeline.name = call.require("name")[0]
    call.world.state.save_pipeline(pipeline)
    return answer(present.pipeline_detail(call.world, pipeline))
