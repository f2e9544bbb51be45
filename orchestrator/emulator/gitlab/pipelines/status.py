"""What several statuses amount to together, as GitLab's atomic processing computes it."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.emulator.gitlab.records import Job

_GOOD = {"success", "skipped", "success_with_warnings", "ignored"}
_FINISHED = {*_GOOD, "failed", "canceled"}
_ORDER = ("running", "waiting_for_resource", "manual", "preparing", "canceling")


def _seen(job: Job) -> str:
    if job.allow_failure and job.status in {"failed", "canceled"}:
        return "success_with_warnings"
    if job.allow_failure and job.status == "manual":
        return "ignored"
    return job.status


def composite(jobs: Iterable[Job], *, needs: bool = False) -> str | None:
    """Return the one status of several jobs, None of no jobs.

    With `needs` they are what one job needs: that job waits for all of them, and does not run when one
    of them did not.
    """
    seen = {_seen(job) for job in jobs}
    if not seen:
        return None
    if needs and seen & {"skipped", "ignored"}:
        return "skipped"
    if needs and not seen <= _FINISHED:
        return "pending"
    return _of_set(seen)


def _of_set(seen: set[str]) -> str:
    for allowed, result in (
        ({"skipped", "ignored"}, "skipped"),
        (_GOOD, "success"),
        ({"created", "success_with_warnings", "ignored"}, "created"),
        ({"canceled", *_GOOD}, "canceled"),
        ({"pending", "created", "skipped", "success_with_warnings", "ignored"}, "pending"),
    ):
        if seen <= allowed:
            return result
    if seen & {"running", "pending"}:
        return "running"
    for status in _ORDER[1:]:
        if status in seen:
            return status
    return "running" if "created" in seen else "failed"
