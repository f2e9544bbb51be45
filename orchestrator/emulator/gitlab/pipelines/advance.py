"""How jobs follow each other: each step of a pipeline is taken here, under the state's lock."""

from __future__ import annotations

from orchestrator.emulator.gitlab.pipelines.status import composite
from orchestrator.emulator.gitlab.records import DONE, Job, Pipeline, now
from orchestrator.emulator.gitlab.state import State

# Which status of what comes before lets a job start (docs: ci/yaml, when).
_MAY_START = {
    "on_success": {"success", "skipped"},
    "delayed": {"success", "skipped"},
    "manual": {"success", "skipped"},
    "on_failure": {"failed"},
    "always": {"success", "failed", "skipped", "canceled"},
}
_DECIDED = {"success", "failed", "skipped", "canceled"}


def advance(state: State, pipeline: Pipeline) -> None:
    """Take every step that is possible now, set the pipeline's own status, and save it."""
    with state.lock:
        while _step(pipeline):
            pass
        _conclude(pipeline)
        state.save_pipeline(pipeline)


def _step(pipeline: Pipeline) -> bool:
    moved = False
    latest = pipeline.latest
    by_name = {job.name: job for job in latest}
    for job in sorted(latest, key=lambda item: (item.stage_index, item.id)):
        if job.status == "created" and not job.external:
            moved = _decide(job, latest, by_name) or moved
    return moved


def _before(job: Job, latest: list[Job], by_name: dict[str, Job]) -> tuple[str | None, bool]:
    needs = job.spec.get("needs")
    if needs is None:
        return composite(item for item in latest if item.stage_index < job.stage_index), False
    return composite((by_name[need["job"]] for need in needs if need["job"] in by_name), needs=True), bool(needs)


def _decide(job: Job, latest: list[Job], by_name: dict[str, Job]) -> bool:
    before, by_needs = _before(job, latest, by_name)
    status = before or "success"
    if status not in _DECIDED:
        return False
    allowed = _MAY_START[job.when] - ({"skipped"} if by_needs and job.when != "always" else set())
    if status not in allowed:
        _skip(job)
    elif job.when == "manual":
        job.status = "manual"
    else:
        enqueue(job)
    return True


def _skip(job: Job) -> None:
    job.status = "skipped"
    job.finished_at = now()


def enqueue(job: Job) -> None:
    """Let the runner take a job."""
    job.status = "pending"
    job.queued_at = now()


def _conclude(pipeline: Pipeline) -> None:
    status = composite(pipeline.latest)
    if status is None:
        return
    if pipeline.started_at is None and any(job.started_at for job in pipeline.jobs):
        pipeline.started_at = now()
    if status in DONE and pipeline.finished_at is None:
        pipeline.finished_at = now()
    elif status not in DONE:
        pipeline.finished_at = None
    pipeline.status = status
