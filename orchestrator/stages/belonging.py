"""Whether a package belongs to the pipeline that asks for it: its commit, its ref, its age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.errors import Gone, Refused, Superseded
from orchestrator.plan.model import BuildPlan
from orchestrator.ports import History, Narrator
from orchestrator.records import BuildRecord
from orchestrator.stages.earlier import reusable


@dataclass(frozen=True)
class Asking:
    """Who asks for a package: a pipeline of this commit on this ref. At a terminal the last two may be empty."""

    commit: str
    ref: str = ""
    pipeline_id: str = ""


def check_commit(build_id: str, commit: str, asking: Asking) -> None:
    """Raise `Superseded` for a build of another commit, also of one that the pipeline's commit contains.

    The jobs behind postbuild run the files of the pipeline's commit; a package of another one would be somebody else's.
    """
    if commit != asking.commit:
        raise Superseded(
            f"the build `{build_id}` is not of this commit",
            detail=f"built: {commit[:40] or 'unknown'!r}\nthis pipeline: {asking.commit}",
            hint="nothing to do if the branch has moved on: the newer commit has a build of its own",
        )


def check_ref(record: BuildRecord, item: BuildPlan, asking: Asking, now: datetime, narrate: Narrator) -> None:
    """Raise `Refused` for a build that was started for another ref, unless `build` would reuse its package here."""
    built_for = record.variables.get("ORCHESTRATOR_REF", "")
    if not asking.ref or built_for == asking.ref:
        return
    if reusable([record], item, now):
        narrate(f"{record.id} was built for {built_for!a:.100}; its package may be reused for the same commit here")
        return
    raise Refused(
        f"the build `{record.id}` was not started for this ref",
        detail=f"started for: {built_for!a:.200}\nthis pipeline: {asking.ref!a:.200}\n"
        f"expected: the same, or a package that `reuse_hours: {item.reuse_hours}` lets be taken again",
        hint="run `orchestrator build` on this ref; find out who started this pipeline if nobody else did",
    )


def check_age(build_id: str, commit: str, ended: datetime | None, now: datetime, days: int) -> None:
    """Raise `Gone` for a package that is older than packages are kept, whether or not it still lies there."""
    if ended is not None and ended < now - timedelta(days=days):
        raise Gone(
            f"the package of `{build_id}` has expired",
            detail=f"observed: made {ended:%Y-%m-%d}\nexpected: within `artifacts.retention_days`, {days}",
            hint=f"build the commit again: {commit}",
        )


def check_reachable(commit: str, asking: Asking, history: History, narrate: Narrator) -> None:
    """Raise `Superseded` unless the ref exists and its history has the commit, as GitLab's repository says now.

    A head that is newer and contains the commit changes nothing: this pipeline is of the commit, and the newer one
    has a pipeline of its own.
    """
    if not (asking.ref and asking.pipeline_id):
        return
    reach = history.reach(asking.ref, commit)
    if not reach.head:
        raise Superseded(
            f"{asking.ref!a:.200} is gone",
            detail=f"built: {commit}\nexpected: a branch or tag that has this commit",
            hint="nothing to do: nobody waits for this package",
        )
    if not reach.contains:
        raise Superseded(
            f"{asking.ref!a:.200} no longer has the commit that was built",
            detail=f"built: {commit}\nthe head now: {reach.head}",
            hint="nothing to do if somebody has forced another history: its head has a build of its own",
        )
    if reach.head != commit:
        narrate(f"{asking.ref!a:.200} has moved on to {reach.head}, which contains {commit}")


def check_newest(commit: str, asking: Asking, history: History) -> None:
    """Raise `Superseded` unless the ref points to this very commit now.

    Stricter than `check_reachable`: a package of an older commit may still be brought home, but the newer commit's
    pipeline deploys, and which of the two pipelines began later says nothing, as builds take as long as they take.
    """
    if not (asking.ref and asking.pipeline_id):
        return
    head = history.reach(asking.ref, commit).head
    if head != commit:
        raise Superseded(
            f"{asking.ref!a:.200} has moved on",
            detail=f"this pipeline: {commit}\nthe head now: {head or 'none, the branch or tag is gone'}",
            hint="nothing to do: the pipeline of the head deploys",
        )
