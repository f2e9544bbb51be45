"""The first minute of a build whose role is so new that CodeBuild may not know it yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.errors import OrchestratorError
from orchestrator.records import BuildRecord, ProjectRecord
from orchestrator.stages.ending import check_ending
from orchestrator.stages.setback import role_was_new, user_phase_ran, worth_another
from orchestrator.stages.start import Counter, Order, start

_FIRST_INTERVAL_SECONDS = 1.0
_LONGEST_INTERVAL_SECONDS = 5.0
_WATCHED_SECONDS = 300.0
# Most roles are known everywhere by then.
_BEFORE_ANOTHER_SECONDS = 30.0


class _NoLog:
    """What a build without a single command has printed."""

    def last_lines(self, _build: BuildRecord, _count: int) -> Sequence[str]:
        return []


def see_off(
    record: BuildRecord, order: Order, project: ProjectRecord, counter: Counter, keep: Callable[[BuildRecord], object]
) -> None:
    """Watch a build until its first command runs, if its role was changed a moment ago; else return at once.

    If CodeBuild had a fault, or could not take the role or use its policy, it is started once more, half a minute
    later. Raises what `check_ending` raises for a build that ended without a command; a poll that fails ends the watch
    and nothing else.
    """
    if not role_was_new(record, project):
        return
    seen = _watched(record, counter)
    found = worth_another(seen, project)
    if found is not None:
        counter.narrate(f"{seen.id} ended {seen.status}, {found.value}: starting another")
        counter.patience.sleep(_BEFORE_ANOTHER_SECONDS)
        seen = _watched(start(replace(order, known=[seen, *order.known]), counter, keep), counter)
    if seen.complete and not user_phase_ran(seen):
        check_ending(seen, _NoLog())


def _watched(record: BuildRecord, counter: Counter) -> BuildRecord:
    patience = counter.patience
    until = patience.monotonic() + _WATCHED_SECONDS
    interval = _FIRST_INTERVAL_SECONDS
    while not record.complete and not user_phase_ran(record) and patience.monotonic() < until:
        patience.sleep(interval)
        interval = min(interval * 1.5, _LONGEST_INTERVAL_SECONDS)
        try:
            record = counter.codebuild.builds([record.id]).get(record.id, record)
        except OrchestratorError as error:
            counter.narrate(f"{record.id} is not watched any longer: {error.what}")
            break
    return record
