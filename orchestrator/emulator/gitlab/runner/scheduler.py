"""Which pending job runs when: a number of places, and one at a time per resource group."""

from __future__ import annotations

import shutil
import sys
import threading
import traceback
from dataclasses import dataclass

from orchestrator.emulator.gitlab.pipelines.actions import finish_job
from orchestrator.emulator.gitlab.pipelines.advance import advance
from orchestrator.emulator.gitlab.records import DONE, Job, now
from orchestrator.emulator.gitlab.runner.job import JobRun, Outcome
from orchestrator.emulator.gitlab.runner.processes import end_leftover
from orchestrator.emulator.gitlab.world import World

_WAKE_SECONDS = 0.5
_BUSY = frozenset({"running", "canceling"})
_IN_HAND = _BUSY | {"pending", "waiting_for_resource"}


@dataclass
class _Active:
    run: JobRun
    thread: threading.Thread
    deadline: threading.Timer


class Scheduler:
    """Runs pending jobs in threads, `places` at a time, until it is closed."""

    def __init__(self, world: World, *, places: int = 2, grace_seconds: float = 5.0) -> None:
        self._world, self._places, self._grace_seconds = world, places, grace_seconds
        self._active: dict[int, _Active] = {}
        self._closing = False
        self._recover()
        self._loop = threading.Thread(target=self._work, name="gitlab-scheduler", daemon=True)
        self._loop.start()

    def _recover(self) -> None:
        """Fail what was running when the last emulator on this directory ended."""
        state = self._world.state
        with state.lock:
            for pipeline in list(state.pipelines.values()):
                stale = [job for job in pipeline.latest if job.status in _IN_HAND and not job.external]
                for job in stale:
                    if job.process:
                        end_leftover(job.process, self._world.workspace(job))
                    canceled = job.status == "canceling"
                    job.status, job.finished_at = "canceled" if canceled else "failed", now()
                    job.failure_reason = None if canceled else "runner_system_failure"
                if pipeline.status not in DONE:
                    advance(state, pipeline)
        shutil.rmtree(self._world.directory / "builds", ignore_errors=True)

    def _work(self) -> None:
        state = self._world.state
        while True:
            with state.changed:
                if self._closing:
                    return
                self._stop_canceled()
                started = self._start_next()
                if not started:
                    state.changed.wait(_WAKE_SECONDS)

    def _stop_canceled(self) -> None:
        for number, active in list(self._active.items()):
            job = self._world.state.jobs.get(number)
            if (job is None or job.status == "canceling") and not active.run.stopping:
                threading.Thread(target=active.run.stop, args=("canceled",), daemon=True).start()

    def _start_next(self) -> bool:
        if len(self._active) >= self._places:
            return False
        state = self._world.state
        waiting = [job for job in state.jobs.values() if job.status in {"pending", "waiting_for_resource"}]
        for job in sorted(waiting, key=lambda item: (item.queued_at or "", item.id)):
            if not job.external and self._may_run(job):
                self._start(job)
                return True
        return False

    def _may_run(self, job: Job) -> bool:
        group = job.spec.get("resource_group")
        if not group:
            return True
        state = self._world.state
        busy = any(
            other.status in _BUSY and other.project_id == job.project_id and other.spec.get("resource_group") == group
            for other in state.jobs.values()
        )
        if busy and job.status == "pending":
            job.status = "waiting_for_resource"
            advance(state, state.pipelines[job.pipeline_id])
        return not busy

    def _start(self, job: Job) -> None:
        state = self._world.state
        pipeline = state.pipelines[job.pipeline_id]
        job.status, job.started_at = "running", now()
        seconds = job.spec.get("timeout_seconds") or self._world.project_of(job).setting("build_timeout")
        run = JobRun(self._world, pipeline, job, grace_seconds=self._grace_seconds)
        deadline = threading.Timer(float(seconds), run.stop, args=("job_execution_timeout",))
        deadline.daemon = True
        thread = threading.Thread(target=self._run, args=(job, run, deadline), name=f"gitlab-job-{job.id}", daemon=True)
        self._active[job.id] = _Active(run, thread, deadline)
        advance(state, pipeline)
        deadline.start()
        thread.start()

    def _run(self, job: Job, run: JobRun, deadline: threading.Timer) -> None:
        try:
            outcome = run.run()
        except Exception:  # noqa: BLE001 - a job must never stay `running` because of a fault of ours
            traceback.print_exc(file=sys.stderr)
            outcome = Outcome("failed", {"failure_reason": "runner_system_failure"})
        deadline.cancel()
        with self._world.state.changed:
            self._active.pop(job.id, None)
            status = "canceled" if job.status == "canceling" else outcome.status
            facts = {
                key: value for key, value in outcome.facts.items() if status == "failed" or key != "failure_reason"
            }
            if job.id in self._world.state.jobs:
                finish_job(self._world.state, job, status, may_retry=not self._closing, process=None, **facts)
            self._world.state.changed.notify_all()

    def close(self) -> None:
        """End every running job with its whole process group, and take no new one."""
        with self._world.state.changed:
            self._closing = True
            active = list(self._active.values())
            self._world.state.changed.notify_all()
        stoppers = [
            threading.Thread(target=item.run.stop, args=("runner_system_failure",), daemon=True) for item in active
        ]
        for thread in stoppers:
            thread.start()
        for thread in [*stoppers, *[item.thread for item in active], self._loop]:
            thread.join(timeout=self._grace_seconds + 5)
