"""What people do to pipelines and jobs: cancel, retry, play; and what GitLab does to redundant ones."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from orchestrator.emulator.gitlab.pipelines.advance import advance, enqueue
from orchestrator.emulator.gitlab.records import DONE, Job, Json, Pipeline, now
from orchestrator.emulator.gitlab.state import State
from orchestrator.emulator.gitlab.world import World

_RETRYABLE = frozenset({"success", "failed", "canceled"})


class NotPossible(Exception):
    """The job or pipeline is in no state for this."""


def cancel_job(state: State, job: Job) -> None:
    """Cancel a job; one that runs is first `canceling`, until its runner has let it go."""
    with state.lock:
        if job.status in DONE:
            raise NotPossible("Job is not cancelable")
        _cancel(job)
        advance(state, state.pipelines[job.pipeline_id])


def _cancel(job: Job) -> None:
    if job.status in {"running", "canceling"} and not job.external:
        job.status = "canceling"
        return
    job.status, job.finished_at = "canceled", now()


def cancel_pipeline(state: State, pipeline: Pipeline) -> None:
    """Cancel everything of a pipeline that has not ended."""
    with state.lock:
        for job in pipeline.latest:
            if job.status not in DONE:
                _cancel(job)
        advance(state, pipeline)


def cancel_redundant(world: World, pipeline: Pipeline) -> None:
    """Cancel older pipelines of the same ref that a new commit made pointless (docs: workflow:auto_cancel)."""
    state = world.state
    project = state.projects[pipeline.project_id]
    if project.setting("auto_cancel_pending_pipelines") != "enabled" or pipeline.source == "schedule":
        return
    for older in state.pipelines_of(project):
        same = older.ref == pipeline.ref and older.tag == pipeline.tag and older.id < pipeline.id
        if same and older.sha != pipeline.sha and older.status not in DONE:
            _cancel_if_allowed(state, older)


def _cancel_if_allowed(state: State, pipeline: Pipeline) -> None:
    builds = [job for job in pipeline.latest if not job.external]
    if pipeline.auto_cancel == "none":
        return
    if pipeline.auto_cancel == "interruptible":
        chosen = [job for job in builds if job.spec.get("interruptible") and job.status not in DONE]
    elif any(job.started_at and not job.spec.get("interruptible") for job in builds):
        chosen = []
    else:
        chosen = [job for job in builds if job.status not in DONE]
    for job in chosen:
        _cancel(job)
    advance(state, pipeline)


def retry_job(state: State, job: Job, *, user_id: int | None = None) -> Job:
    """Run a job again as a new one; what was skipped because of it gets another chance."""
    with state.lock:
        if job.retried or job.external or job.status not in _RETRYABLE:
            raise NotPossible("Job is not retryable")
        fresh = _replace(state, job, user_id)
        enqueue(fresh)
        advance(state, state.pipelines[job.pipeline_id])
        return fresh


def _replace(state: State, job: Job, user_id: int | None) -> Job:
    pipeline = state.pipelines[job.pipeline_id]
    fresh = _again(state, job, user_id)
    pipeline.jobs.append(fresh)
    job.retried = True
    _revive_skipped(pipeline, fresh)
    pipeline.finished_at = None
    return fresh


def _again(state: State, job: Job, user_id: int | None) -> Job:
    return replace(
        job,
        id=state.next_id("job"),
        status="created",
        token=f"glcbt-64_{secrets.token_urlsafe(15)}",
        attempt=job.attempt + 1 if user_id is None else 1,
        user_id=user_id or job.user_id,
        exit_code=None,
        failure_reason=None,
        dotenv=[],
        artifacts=[],
        artifacts_expire_at=None,
        erased_at=None,
        created_at=now(),
        queued_at=None,
        started_at=None,
        finished_at=None,
        process=None,
    )


def _revive_skipped(pipeline: Pipeline, job: Job) -> None:
    for later in pipeline.latest:
        if later.status == "skipped" and not later.external and _follows(later, job):
            later.status, later.finished_at = "created", None


def _follows(later: Job, job: Job) -> bool:
    return later.spec.get("needs") is not None or later.stage_index > job.stage_index


def retry_pipeline(state: State, pipeline: Pipeline, *, user_id: int) -> None:
    """Run every failed or canceled job of a pipeline again."""
    with state.lock:
        for job in pipeline.latest:
            if job.status in {"failed", "canceled"} and not job.external:
                _replace(state, job, user_id)
        advance(state, pipeline)


def play_job(state: State, job: Job, *, user_id: int, variables: list[Json]) -> Job:
    """Start a manual job, with variables of its own if any."""
    with state.lock:
        if job.status != "manual":
            raise NotPossible("Unplayable Job")
        job.played_by = job.user_id = user_id
        job.extra_variables = variables
        pipeline = state.pipelines[job.pipeline_id]
        _revive_skipped(pipeline, job)
        enqueue(job)
        advance(state, pipeline)
        return job


def finish_job(state: State, job: Job, status: str, *, may_retry: bool = True, **facts: Any) -> None:
    """Record how a job ended, run it again if its `retry` says so, and let the pipeline go on."""
    with state.lock:
        job.status, job.finished_at = status, now()
        for name, value in facts.items():
            setattr(job, name, value)
        codes = job.allow_failure_exit_codes
        if status == "failed" and codes is not None and job.exit_code in codes:
            job.allow_failure = True
        if status == "failed" and may_retry and _try_again(job):
            retry_job(state, job)
        else:
            advance(state, state.pipelines[job.pipeline_id])


def _try_again(job: Job) -> bool:
    retry = job.spec.get("retry") or {}
    if job.attempt > int(retry.get("max", 0)):
        return False
    reasons, codes = retry.get("when"), retry.get("exit_codes")
    if reasons is None and codes is None:
        return True
    by_reason = reasons is not None and ("always" in reasons or job.failure_reason in reasons)
    return by_reason or (codes is not None and job.exit_code in codes)
