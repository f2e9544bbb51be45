"""wait: stay with builds until they have ended, and bring home what they have made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import MachineryError, OrchestratorError
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import split_assembled_id
from orchestrator.records import BuildRecord
from orchestrator.stages.delivery import Delivered
from orchestrator.stages.ending import check_ending
from orchestrator.stages.postbuild import PostbuildWorld, postbuild
from orchestrator.stages.together import WORST_FIRST
from orchestrator.watching.model import Ended, Lost, Seen


@dataclass(frozen=True)
class Awaited:
    """A build that somebody waits for. `output` is where its package goes, None if nobody wants it here.

    `commit` is what the build must be of. `ended` is its record if it had ended before anybody waited: then its log is
    not shown again.
    """

    package: str
    build_id: str
    commit: str
    output: Path | None
    ended: BuildRecord | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a build: its last record, if there is one, and either why it is no success or the package."""

    awaited: Awaited
    item: BuildPlan | None
    record: BuildRecord | None = None
    error: OrchestratorError | None = None
    delivered: Delivered | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of this build alone."""
        return self.error.exit_code if self.error else 0

    @property
    def seconds(self) -> float | None:
        """How long the build took, with its time in the queue; None if nobody knows."""
        if self.record is None or self.record.started is None or self.record.ended is None:
            return None
        return max(0.0, (self.record.ended - self.record.started).total_seconds())


@dataclass(frozen=True)
class WaitWorld:
    """What waiting touches. `watch` follows builds by their ids; `tell` is called with everything that it sees.

    `ref` is the ref that asks for the packages, empty at a terminal. `note` is called with all outcomes so far after
    each of them, so that none is lost.
    """

    watch: Callable[[Sequence[str]], Iterator[Seen]]
    tell: Callable[[Seen], None]
    postbuild: PostbuildWorld
    ref: str = ""
    note: Callable[[Sequence[Outcome]], None] = field(default=lambda _: None)


def wait(plan: Plan, awaited: Sequence[Awaited], world: WaitWorld) -> list[Outcome]:
    """Return what became of each build, in the order of `awaited`, once all of them have ended.

    The package of a build that has succeeded is brought home at once, by what `postbuild` does; a failure of one build
    is its outcome and keeps nobody from the others. Nothing is started again here: whoever retries the job does that.
    Raises nothing for a build; what `world.tell` raises ends it.
    """
    run = _Run(plan, awaited, world)
    pending: dict[str, int] = {}
    for place, one in enumerate(awaited):
        if one.ended:
            world.tell(Ended(one.ended))
        # What a job has made itself is there already.
        if one.ended or split_assembled_id(one.build_id):
            run.finish(place, one.ended)
        else:
            pending[one.build_id] = place
    run.follow(pending)
    return run.outcomes()


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return the exit code of all builds together: that of the worst class of failure."""
    codes = {outcome.exit_code for outcome in outcomes}
    return next((code for code in WORST_FIRST if code in codes), 0)


class _Run:
    """The builds that somebody waits for, and what became of them so far, by their place in the order."""

    def __init__(self, plan: Plan, awaited: Sequence[Awaited], world: WaitWorld) -> None:
        self._plan = plan
        self._awaited = list(awaited)
        self._world = world
        self._items = {item.package: item for item in plan.builds}
        self._outcomes: dict[int, Outcome] = {}

    def outcomes(self) -> list[Outcome]:
        """Return what is known so far, in the order in which it was asked for."""
        return [self._outcomes[place] for place in sorted(self._outcomes)]

    def follow(self, pending: Mapping[str, int]) -> None:
        """Watch builds until all have ended."""
        left = dict(pending)
        for seen in self._world.watch(list(pending)) if pending else ():
            self._world.tell(seen)
            if isinstance(seen, Ended) and seen.record.id in left:
                self.finish(left.pop(seen.record.id), seen.record)
            elif isinstance(seen, Lost) and seen.build_id in left:
                self._lose(left.pop(seen.build_id), seen.why)
        for place in left.values():
            self._lose(place, "nobody has told how it ended")

    def finish(self, place: int, record: BuildRecord | None) -> None:
        """Bring the package of a build that has ended, and note what became of it."""
        one = self._awaited[place]
        error: OrchestratorError | None = None
        delivered: Delivered | None = None
        try:
            delivered = self._brought(one, record)
        except OrchestratorError as failure:
            error = failure
        self._note(place, Outcome(one, self._items.get(one.package), record, error, delivered))

    def _brought(self, one: Awaited, record: BuildRecord | None) -> Delivered | None:
        world = self._world
        if one.output is not None:
            return postbuild(self._plan, one.build_id, one.commit, world.ref, world.postbuild, one.output)
        if record is not None:
            check_ending(record, world.postbuild.logs)
        return None

    def _lose(self, place: int, why: str) -> None:
        one = self._awaited[place]
        error = MachineryError(
            f"the build `{one.build_id}` cannot be watched any longer",
            detail=f"observed: {why}",
            hint=f"it may go on: `orchestrator attach {one.build_id}`",
        )
        self._note(place, Outcome(one, self._items.get(one.package), error=error))

    def _note(self, place: int, outcome: Outcome) -> None:
        self._outcomes[place] = outcome
        self._world.note(self.outcomes())
