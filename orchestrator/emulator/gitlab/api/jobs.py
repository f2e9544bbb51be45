"""Jobs with their logs and artifacts (docs: api/jobs, api/job_artifacts)."""

from __future__ import annotations

import mimetypes
import shutil
import zipfile
from pathlib import Path

from werkzeug import Response
from werkzeug.utils import send_file

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import Call, answer, forbidden, invalid, message, missing, nothing
from orchestrator.emulator.gitlab.api.pipelines import given_variables
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.pipelines.actions import NotPossible, cancel_job, play_job, retry_job
from orchestrator.emulator.gitlab.records import DEVELOPER, REPORTER, Job, Pipeline, Project, as_json, now

routes = Routes()

_STATUSES = frozenset(
    [
        "created",
        "waiting_for_resource",
        "preparing",
        "pending",
        "running",
        "success",
        "failed",
        "canceled",
        "canceling",
        "skipped",
        "manual",
        "scheduled",
    ]
)


def _listed(call: Call, jobs: list[Job]) -> Response:
    scope = call.params.get("scope")
    wanted = [scope] if isinstance(scope, str) else scope
    if wanted is not None and (not isinstance(wanted, list) or not all(str(item) in _STATUSES for item in wanted)):
        raise invalid("scope does not have a valid value")
    found = [job for job in jobs if not job.external and (not wanted or job.status in wanted)]
    found.sort(key=lambda job: -job.id)
    return call.page(found, lambda job: present.job(call.world, job))


@routes.add("GET", "/projects/<project>/pipelines/<pipeline_id>/jobs")
def of_pipeline(call: Call) -> Response:
    """List the jobs of a pipeline, without retried ones unless they are asked for."""
    pipeline = call.pipeline(call.project(REPORTER))
    return _listed(call, list(pipeline.jobs if call.flag("include_retried") else pipeline.latest))


@routes.add("GET", "/projects/<project>/pipelines/<pipeline_id>/bridges")
def bridges(call: Call) -> Response:
    """List the trigger jobs of a pipeline: there are none."""
    call.pipeline(call.project(REPORTER))
    return call.page([], lambda _: None)


@routes.add("GET", "/projects/<project>/jobs")
def of_project(call: Call) -> Response:
    """List all jobs of a project, newest first."""
    project = call.project(REPORTER)
    return _listed(call, [job for job in call.world.state.jobs.values() if job.project_id == project.id])


@routes.add("GET", "/job", job_token=True)
def mine(call: Call) -> Response:
    """Show the job whose token is used."""
    job = call.caller.job
    if job is None:
        raise missing()
    return answer(present.job(call.world, job))


@routes.add("GET", "/projects/<project>/jobs/<job_id>")
def show(call: Call) -> Response:
    """Show a job."""
    return answer(present.job(call.world, call.job(call.project(REPORTER))))


@routes.add("GET", "/projects/<project>/jobs/<job_id>/trace")
def trace(call: Call) -> Response:
    """Show a job's log as far as it is written."""
    path = call.world.trace(call.job(call.project(REPORTER)))
    content = path.read_bytes() if path.is_file() else b""
    return Response(content, content_type="text/plain; charset=utf-8")


@routes.add("POST", "/projects/<project>/jobs/<job_id>/cancel")
def cancel(call: Call) -> Response:
    """Cancel a job."""
    job = call.job(call.project(DEVELOPER))
    try:
        cancel_job(call.world.state, job)
    except NotPossible:
        raise forbidden("403 Forbidden - Job is not cancelable") from None
    return answer(present.job(call.world, job), 201)


@routes.add("POST", "/projects/<project>/jobs/<job_id>/retry")
def retry(call: Call) -> Response:
    """Run a job again; the answer is the new job."""
    job = call.job(call.project(DEVELOPER))
    try:
        fresh = retry_job(call.world.state, job, user_id=call.caller.user.id)
    except NotPossible:
        raise forbidden("403 Forbidden - Job is not retryable") from None
    return answer(present.job(call.world, fresh), 201)


@routes.add("POST", "/projects/<project>/jobs/<job_id>/play")
def play(call: Call) -> Response:
    """Start a manual job, with `job_variables_attributes` if given."""
    job = call.job(call.project(DEVELOPER))
    given = [as_json(item) for item in given_variables(call, "job_variables_attributes")]
    try:
        play_job(call.world.state, job, user_id=call.caller.user.id, variables=given)
    except NotPossible:
        raise message(400, "400 Bad request - Unplayable Job") from None
    return answer(present.job(call.world, job))


@routes.add("POST", "/projects/<project>/jobs/<job_id>/erase")
def erase(call: Call) -> Response:
    """Remove the log and the artifacts of a job that has ended."""
    job = call.job(call.project(DEVELOPER))
    if not job.done:
        raise forbidden("403 Forbidden - Job is not erasable!")
    call.world.trace(job).unlink(missing_ok=True)
    _remove_artifacts(call, job)
    return answer(present.job(call.world, job), 201)


def _remove_artifacts(call: Call, job: Job) -> None:
    shutil.rmtree(call.world.artifacts(job), ignore_errors=True)
    job.artifacts, job.dotenv, job.erased_at = [], [], now()
    call.world.state.save_pipeline(call.world.state.pipelines[job.pipeline_id])


def _project(call: Call) -> Project:
    """Return the project; a job token may read artifacts wherever its user may."""
    return call.project(REPORTER)


@routes.add("GET", "/projects/<project>/jobs/<job_id>/artifacts", job_token=True)
def download(call: Call) -> Response:
    """Download the artifacts of a job as a zip file."""
    return _archive(call, call.job(_project(call)))


@routes.add("DELETE", "/projects/<project>/jobs/<job_id>/artifacts")
def delete_artifacts(call: Call) -> Response:
    """Delete the artifacts of a job."""
    _remove_artifacts(call, call.job(call.project(DEVELOPER)))
    return nothing()


@routes.add("POST", "/projects/<project>/jobs/<job_id>/artifacts/keep")
def keep(call: Call) -> Response:
    """Let the artifacts of a job never expire."""
    job = call.job(call.project(DEVELOPER))
    job.artifacts_expire_at = None
    call.world.state.save_pipeline(call.world.state.pipelines[job.pipeline_id])
    return answer(present.job(call.world, job))


@routes.add("GET", "/projects/<project>/jobs/<job_id>/artifacts/<path:artifact_path>", job_token=True)
def download_file(call: Call) -> Response:
    """Download one file of a job's artifacts."""
    return _file(call, call.job(_project(call)))


@routes.add("GET", "/projects/<project>/jobs/artifacts/<ref>/download", job_token=True)
def download_latest(call: Call) -> Response:
    """Download the artifacts of the newest successful job of a ref by the job's name."""
    return _archive(call, _latest(call))


@routes.add("GET", "/projects/<project>/jobs/artifacts/<ref>/raw/<path:artifact_path>", job_token=True)
def download_latest_file(call: Call) -> Response:
    """Download one file of those artifacts."""
    return _file(call, _latest(call))


def _latest(call: Call) -> Job:
    project = _project(call)
    (name,) = call.require("job")
    for pipeline in call.world.state.pipelines_of(project):
        found = _successful(call, pipeline, name)
        if found is not None:
            return found
    raise missing()


def _successful(call: Call, pipeline: Pipeline, name: str) -> Job | None:
    if pipeline.ref != call.args["ref"] or pipeline.status != "success":
        return None
    return next((job for job in pipeline.latest if job.name == name and job.status == "success"), None)


def _zip(call: Call, job: Job) -> Path:
    path = call.world.artifacts(job) / "artifacts.zip"
    if not path.is_file():
        raise missing()
    return path


def _archive(call: Call, job: Job) -> Response:
    path = _zip(call, job)
    name = next((item["filename"] for item in job.artifacts if item["file_type"] == "archive"), "artifacts.zip")
    return send_file(path, call.request.environ, mimetype="application/zip", as_attachment=True, download_name=name)


def _file(call: Call, job: Job) -> Response:
    wanted = call.args["artifact_path"]
    with zipfile.ZipFile(_zip(call, job)) as archive:
        try:
            content = archive.read(wanted)
        except KeyError:
            raise missing() from None
    kind = mimetypes.guess_type(wanted)[0] or "application/octet-stream"
    return Response(content, content_type=kind)
