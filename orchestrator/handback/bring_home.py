"""The story: look at the build, claim it, call GitLab, note the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.errors import OrchestratorError, Superseded
from orchestrator.gitlab_trigger import Pipeline
from orchestrator.handback.build import Ended
from orchestrator.handback.event import BuildId
from orchestrator.handback.log import Log
from orchestrator.handback.marker import Claim, Marker, Markers


@dataclass(frozen=True)
class World:
    """What the story touches.

    `call` reads the token and starts the pipeline; `lease_seconds` is how long this run can live at most.
    """

    read: Callable[[BuildId], Ended | None]
    markers: Markers
    call: Callable[[Ended], Pipeline]
    lease_seconds: Callable[[], float]
    log: Log


@dataclass(frozen=True)
class Outcome:
    """What became of an event: `triggered`, `duplicate`, `superseded` or `ignored`; the pipeline's id, if there is one.

    `superseded` says that the ref of the build is gone: nothing is wrong, and nothing is left to do.
    """

    result: str
    pipeline_id: str = ""


def bring_home(build: BuildId, world: World) -> Outcome:
    """Start the pipeline of an ended build unless that has been done; raises what kept it from being done."""
    ended = world.read(build)
    if ended is None:
        return Outcome("ignored")
    claim = world.markers.claim(build, lease_seconds=world.lease_seconds())
    if isinstance(claim, Marker):
        return Outcome("duplicate", claim.pipeline_id)
    if claim.again:
        world.log.say("warning", "an earlier run may have started a pipeline; starting one", build_id=str(build))
    try:
        pipeline = _called(ended, claim, world)
    except Superseded as gone:
        # Should the note be lost, the next event only finds the same again.
        _noted(build, world, lambda: world.markers.close(claim))
        world.log.say("info", gone.what, detail=gone.detail, build_id=str(build), ref=ended.ref)
        return Outcome("superseded")
    # From here on GitLab knows. A failure to note it must not make Lambda tell it again.
    _noted(build, world, lambda: world.markers.settle(claim, pipeline.id))
    if pipeline.remark:
        world.log.say("warning", pipeline.remark, build_id=str(build), ref=ended.ref)
    world.log.say("info", "started a pipeline", build_id=str(build), status=ended.status, ref=ended.ref,
                  commit=ended.commit, pipeline=pipeline.web_url or pipeline.id)  # fmt: skip
    return Outcome("triggered", pipeline.id)


def _noted(build: BuildId, world: World, note: Callable[[], object]) -> None:
    try:
        note()
    except OrchestratorError as error:
        world.log.say("warning", "the marker was not updated", build_id=str(build), error=str(error))


def _called(ended: Ended, claim: Claim, world: World) -> Pipeline:
    try:
        return world.call(ended)
    except Superseded:
        raise
    except OrchestratorError:
        try:
            world.markers.release(claim)
        except OrchestratorError as error:
            world.log.say("warning", "the claim runs out by itself", build_id=str(ended.id), error=str(error))
        raise
