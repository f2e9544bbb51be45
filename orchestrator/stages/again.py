"""The second attempt of a build that came home without having done its work."""

from __future__ import annotations

from itertools import takewhile

from orchestrator.errors import OrchestratorError, Superseded
from orchestrator.patience import Patience
from orchestrator.plan.digest import marker
from orchestrator.plan.model import BuildPlan
from orchestrator.ports import Clock, CodeBuild, Narrator
from orchestrator.records import BuildRecord
from orchestrator.stages.doorstep import TakenAlready
from orchestrator.stages.earlier import SEARCHED_BUILDS, wish_behind
from orchestrator.stages.setback import setback, worth_another
from orchestrator.stages.start import Counter, Order, is_of_use, start


class StartedAgain(TakenAlready):
    """Another build does the work of this one, and tells how that went when it comes home."""


def give_another_chance(
    record: BuildRecord, item: BuildPlan, codebuild: CodeBuild, clock: Clock, narrate: Narrator
) -> None:
    """Start a build again, once, if CodeBuild had a fault or the role was too new; return if its ending stands.

    The new build comes home by itself, as every build does, so nobody waits for it here. Raises `StartedAgain` if it
    was started, now or before, and `Superseded` if another pipeline has had the same built. The pipeline that a trigger
    token starts cannot make anything else be built: the variables are those of the record, the settings must be those
    of the project, and two attempts are all there are.
    """
    reason = setback(record)
    if reason is None:
        return
    counter = Counter(codebuild, narrate, Patience(sleep=clock.sleep, monotonic=clock.monotonic, tell=narrate))
    try:
        another = _another(record, counter) or _new(record, item, counter)
    except OrchestratorError as error:
        narrate(f"{record.id} is not started again: {error.what}")
        return
    if another:
        # What another pipeline has had built tells of itself there, so this build has to tell its own end.
        kind = StartedAgain if wish_behind(record).same_ask(another) else Superseded
        raise kind(
            f"the build `{record.id}` ended {record.status}, and `{another.id}` was started in its place",
            detail=f"observed: {reason.value}",
            hint="nothing to do: the other build comes home by itself",
        )


def _same(record: BuildRecord, counter: Counter) -> list[BuildRecord]:
    """Return the builds of the same that come to the same ref, the newest first; none if this one is not listed."""
    wish = wish_behind(record)
    listed = counter.codebuild.newest(record.project, limit=SEARCHED_BUILDS)
    same = [one for one in wish.alike(listed) if wish.comes_to_ref(one)]
    return same if record.id in [one.id for one in same] else []


def _another(record: BuildRecord, counter: Counter) -> BuildRecord | None:
    """Return a build that was started after this one and does its work, if there is one.

    For its own pipeline that is any, because two attempts are all there are; for another pipeline one that runs or has
    succeeded, because its package comes to the same ref.
    """
    wish = wish_behind(record)
    newer = takewhile(lambda one: one.id != record.id, _same(record, counter))
    return next((one for one in newer if wish.same_ask(one) or is_of_use(one)), None)


def _new(record: BuildRecord, item: BuildPlan, counter: Counter) -> BuildRecord | None:
    """Start another build, if that is worth it, and return it."""
    wish, same = wish_behind(record), _same(record, counter)
    project = counter.codebuild.projects([record.project]).get(record.project)
    if not same or project is None or worth_another(record, project) is None:
        return None
    # Another apply since then: a build now would not be of the settings that this one was asked for with.
    applies = wish.marker == marker(record.project, wish.commit, project.settings_digest)
    if not applies or len([one for one in same if wish.same_ask(one) and setback(one)]) > 1:
        return None
    try:
        return start(Order(wish, item, same), counter, lambda _: None)
    except OrchestratorError:
        # It may have been started, and have ended as soon.
        found = _another(record, counter)
        if not found:
            raise
        return found
