"""reconcile: find builds that have ended and never came home, and start the pipelines that bring them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.errors import OrchestratorError, Superseded
from orchestrator.plan.model import Plan
from orchestrator.ports import CodeBuild, OpenStore, Pipelines
from orchestrator.records import BuildRecord
from orchestrator.stages.homecoming import Homecoming, open_at
from orchestrator.vocabulary import Return

# Ten pages of CodeBuild's lists: what is further back is older than anybody reconciles.
_SEARCHED_BUILDS = 1000
# What has just ended is on its way: the function may try for some minutes, and a pipeline waits for its runner.
_GRACE = timedelta(minutes=15)
_LEASE_SECONDS = 600.0
_GONE = "the branch or tag is gone"
_PIPELINE = re.compile(r"(?:.*/)?([0-9]{1,20})")


@dataclass(frozen=True)
class ReconcileWorld:
    """What reconcile touches. `pipelines` is None outside of a GitLab job: then nothing is started."""

    codebuild: CodeBuild
    open_store: OpenStore
    pipelines: Pipelines | None
    now: Callable[[], datetime]


@dataclass(frozen=True)
class Finding:
    """One build that has ended, and what became of it: `home`, `on its way`, `started …`, `missing …`, `failed …`."""

    build_id: str
    status: str
    ref: str
    ended: datetime
    outcome: str
    failed: bool = False


def reconcile(plan: Plan, world: ReconcileWorld, *, hours: int) -> Iterator[Finding]:
    """Give every build that has ended within the last hours, and start a pipeline for those that never came home.

    Doing it again, or twice at once, starts nothing twice: the record of each build is claimed first. With
    `return: wait` there is nothing to give: whoever waits for a build has heard of its end, or asks again.
    """
    if plan.return_ is Return.WAIT:
        return
    now = world.now()
    projects = world.codebuild.projects([item.codebuild_project for item in plan.builds])
    for name, project in sorted(projects.items()):
        store = world.open_store(project.bucket, project.account)
        for record in world.codebuild.newest(name, limit=_SEARCHED_BUILDS):
            ended = record.ended
            # What was started by hand, for no ref, no pipeline waits for.
            if not (record.complete and ended and record.variables.get("ORCHESTRATOR_REF")):
                continue
            if ended >= now - timedelta(hours=hours):
                outcome, failed = _outcome(record, Homecoming(record, plan.artifacts.prefix, store), world, now)
                yield Finding(record.id, record.status, record.variables["ORCHESTRATOR_REF"], ended, outcome, failed)


def _outcome(record: BuildRecord, home: Homecoming, world: ReconcileWorld, now: datetime) -> tuple[str, bool]:
    try:
        found = home.found()
        if found is not None and found.state == "home":
            return "home", False
        if found is not None and found.state == "superseded":
            return _GONE, False
        if not open_at(found, now.timestamp()) or (record.ended and record.ended > now - _GRACE):
            return "on its way", False
        if world.pipelines is None:
            return "missing", False
        if not home.claim(now.timestamp(), lease_seconds=_LEASE_SECONDS):
            return "on its way", False
        return _started(record, home, world.pipelines), False
    except Superseded:
        return _GONE, False
    except OrchestratorError as error:
        return f"failed: {error.what}", True


def _started(record: BuildRecord, home: Homecoming, pipelines: Pipelines) -> str:
    try:
        address = pipelines.start(record.variables["ORCHESTRATOR_REF"], record.id)
    except Superseded:
        home.close()
        raise
    except OrchestratorError:
        home.release()
        raise
    number = _PIPELINE.fullmatch(address)
    home.settle(number[1] if number else "")
    return f"started {address}"
