"""Commit statuses (docs: api/commits, set commit pipeline status)."""

from __future__ import annotations

import re

from werkzeug import Response

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import Call, answer, invalid, message, missing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.pipelines.advance import advance
from orchestrator.emulator.gitlab.records import DEVELOPER, REPORTER, Job, Pipeline, Project, now

routes = Routes()

_EVENTS = {
    "pending": "enqueue",
    "running": "run",
    "success": "success",
    "failed": "drop",
    "canceled": "cancel",
    "skipped": "skip",
}
_FROM = {
    "enqueue": {"created", "skipped", "manual"},
    "run": {"pending"},
    "success": {"created", "pending", "running"},
    "drop": {"created", "pending", "running", "manual"},
    "cancel": {"created", "pending", "running", "manual"},
    "skip": {"created", "pending"},
}
_LIMIT = 255
_STAGE_INDEX = 1_000_000


@routes.add("GET", "/projects/<project>/repository/commits/<sha>/statuses")
def listing(call: Call) -> Response:
    """List the statuses of a commit: jobs and external ones; only the newest of a name unless `all`."""
    project = call.project(REPORTER)
    sha = _commit(call, project)
    found = []
    for pipeline in call.world.state.pipelines_of(project):
        if pipeline.sha == sha and call.text("pipeline_id") in (None, str(pipeline.id)):
            found += [job for job in (pipeline.jobs if call.flag("all") else pipeline.latest) if _wanted(call, job)]
    found.sort(key=lambda job: job.id)
    return call.page(found, lambda job: present.status(call.world, job))


def _wanted(call: Call, job: Job) -> bool:
    return all(call.text(name) in (None, getattr(job, name)) for name in ("ref", "stage", "name"))


def _commit(call: Call, project: Project) -> str:
    sha = call.world.repository(project).resolve(call.args["sha"])
    if sha is None:
        raise missing("Commit")
    return sha


@routes.add("POST", "/projects/<project>/statuses/<sha>")
def post(call: Call) -> Response:
    """Set the status of a commit; the same name continues where it is, an impossible step is a 400."""
    project = call.project(DEVELOPER)
    (state,) = call.require("state")
    if state not in _EVENTS:
        raise invalid("state does not have a valid value")
    sha = _commit(call, project)
    _check_texts(call)
    with call.world.state.lock:
        ref = _ref(call, project, sha)
        pipeline = _pipeline(call, project, sha, ref)
        status = _status(call, pipeline, ref)
        before = status.status
        _describe(call, status)
        try:
            _step(status, state)
        except ValueError as problem:
            raise message(400, str(problem)) from None
        _add(pipeline, status, fresh=before == "created")
        advance(call.world.state, pipeline)
    return answer(present.status(call.world, status), 201)


def _check_texts(call: Call) -> None:
    problems: dict[str, list[str]] = {}
    for name in ("target_url", "description", "name", "context"):
        value = call.text(name)
        if value is not None and len(value) > _LIMIT:
            problems[name] = [f"is too long (maximum is {_LIMIT} characters)"]
    url = call.text("target_url")
    if url and not re.match(r"https?://[^\s/]", url):
        problems.setdefault("target_url", []).append("is blocked: Only allowed schemes are http, https")
    if problems:
        raise message(400, problems)


def _ref(call: Call, project: Project, sha: str) -> str:
    repository = call.world.repository(project)
    given = call.text("ref")
    if given is not None:
        ref = given.removeprefix("refs/heads/").removeprefix("refs/tags/")
        if repository.resolve(ref) is None:
            raise missing("References for commit")
        return ref
    known = [item.ref for item in call.world.state.pipelines_of(project) if item.sha == sha]
    branches = [name for name, head in repository.branches().items() if head == sha]
    if not known and not branches:
        branches = [name for name, head in repository.branches().items() if repository.merge_base(sha, head) == sha]
    if not known and not branches:
        raise missing("References for commit")
    return (known or branches)[0]


def _pipeline(call: Call, project: Project, sha: str, ref: str) -> Pipeline:
    state = call.world.state
    mine = [item for item in state.pipelines_of(project) if item.sha == sha]
    if call.params.get("pipeline_id") is not None:
        number = call.number("pipeline_id")
        found = next((item for item in mine if item.id == number), None)
        if found is None:
            raise missing("Pipeline")
        return found
    existing = next((item for item in mine if item.ref == ref), None)
    if existing:
        return existing
    project.pipelines_created += 1
    tag = ref in call.world.repository(project).tags()
    user_id = call.caller.user.id
    pipeline = Pipeline(
        state.next_id("pipeline"), project.pipelines_created, project.id, ref, tag, sha, "0" * 40, "external", user_id
    )
    state.save_project(project)
    return pipeline


def _status(call: Call, pipeline: Pipeline, ref: str) -> Job:
    name = call.text("name") or call.text("context") or "default"
    for job in pipeline.latest:
        if job.external and job.name == name and job.ref == ref and job.status in {"pending", "running"}:
            return job
    return Job(
        id=call.world.state.next_id("job"),
        pipeline_id=pipeline.id,
        project_id=pipeline.project_id,
        name=name,
        stage="external",
        stage_index=_STAGE_INDEX,
        ref=ref,
        tag=pipeline.tag,
        sha=pipeline.sha,
        user_id=call.caller.user.id,
        external=True,
    )


def _describe(call: Call, status: Job) -> None:
    for name in ("target_url", "description"):
        if call.params.get(name) is not None:
            setattr(status, name, call.text(name))
    coverage = call.text("coverage")
    if coverage is not None:
        try:
            status.coverage = float(coverage)
        except ValueError:
            raise invalid("coverage is invalid") from None


def _step(status: Job, wanted: str) -> None:
    event = _EVENTS[wanted]
    if event == "run" and status.status in _FROM["enqueue"]:
        status.status = "pending"
    if status.status not in _FROM[event]:
        raise ValueError(
            f"Cannot transition status via :{event} from :{status.status} "
            f'(Reason(s): Status cannot transition via "{event}")'
        )
    status.status = wanted
    if wanted == "running":
        status.started_at = now()
    elif wanted != "pending":
        status.finished_at = now()
        status.failure_reason = "api_failure" if wanted == "failed" else None


def _add(pipeline: Pipeline, status: Job, *, fresh: bool) -> None:
    if not fresh or any(job.id == status.id for job in pipeline.jobs):
        return
    for job in pipeline.latest:
        if job.external and job.name == status.name:
            job.retried = True
    pipeline.jobs.append(status)
