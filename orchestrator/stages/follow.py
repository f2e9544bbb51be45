"""Watch a build until it has ended."""

from __future__ import annotations

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.ports import BuildRecord, Clock, CodeBuild, Narrator

_FIRST_INTERVAL_SECONDS = 0.5
_LONGEST_INTERVAL_SECONDS = 15.0
# CodeBuild may not know an id at once after StartBuild (F22 of the fault list in docs/reliability).
_UNKNOWN_SECONDS = 60.0


def follow(
    build_id: str, codebuild: CodeBuild, clock: Clock, narrate: Narrator, *, deadline_seconds: float
) -> BuildRecord:
    """Return the record of a build once it is complete.

    A poll that fails is repeated until the deadline: it says nothing about the build. Raises
    `ConfigurationError` for an id that stays unknown, `MachineryError` at the deadline.
    """
    begin = clock.monotonic()
    interval = _FIRST_INTERVAL_SECONDS
    phase = ""
    while True:
        record = _poll(build_id, codebuild, narrate)
        waited = clock.monotonic() - begin
        if record is not None and record.complete:
            return record
        if record is None and waited >= _UNKNOWN_SECONDS:
            raise ConfigurationError(
                f"CodeBuild does not know the build `{build_id}`",
                detail="expected: a build of this account and region that is less than a year old",
                hint="check the build id and the region",
            )
        if waited >= deadline_seconds:
            raise MachineryError(
                f"the build `{build_id}` did not end within {deadline_seconds:.0f} seconds",
                detail=f"last seen: {record.status if record else 'nothing'}",
                hint="run the stage again; the build goes on",
            )
        if record is not None and record.phases and record.phases[-1].name != phase:
            phase = record.phases[-1].name
            narrate(f"{build_id} is in {phase}")
        clock.sleep(interval)
        interval = min(interval * 1.5, _LONGEST_INTERVAL_SECONDS)


def _poll(build_id: str, codebuild: CodeBuild, narrate: Narrator) -> BuildRecord | None:
    try:
        return codebuild.builds([build_id]).get(build_id)
    except MachineryError as error:
        narrate(f"{error.what}: trying again")
        return None
