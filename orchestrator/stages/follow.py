"""Watch a build until it has ended."""

from __future__ import annotations

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.ports import Clock, CodeBuild, Narrator
from orchestrator.records import BuildRecord

_FIRST_INTERVAL_SECONDS = 0.5
_LONGEST_INTERVAL_SECONDS = 15.0
# CodeBuild may not know an id at once after StartBuild: BatchGetBuilds then lists it in `buildsNotFound`.
_UNKNOWN_SECONDS = 60.0
# Longer than throttling lasts; credentials that have expired will not come back.
_UNANSWERED_SECONDS = 120.0


def follow(
    build_id: str, codebuild: CodeBuild, clock: Clock, narrate: Narrator, *, deadline_seconds: float
) -> BuildRecord:
    """Return the record of a build once it is complete.

    A poll that fails is repeated for two minutes: it says nothing about the build. Raises
    `ConfigurationError` for an id that stays unknown, `MachineryError` at the deadline or when nobody answers.
    """
    begin = clock.monotonic()
    watched = _Watched(build_id, codebuild, clock, narrate)
    interval = _FIRST_INTERVAL_SECONDS
    while True:
        record = watched.look()
        if record is not None and record.complete:
            return record
        waited = clock.monotonic() - begin
        if watched.unknown and waited >= _UNKNOWN_SECONDS:
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
        clock.sleep(interval)
        interval = min(interval * 1.5, _LONGEST_INTERVAL_SECONDS)


class _Watched:
    """A build and what was seen of it so far. `unknown` is whether CodeBuild has answered, and never knew it."""

    def __init__(self, build_id: str, codebuild: CodeBuild, clock: Clock, narrate: Narrator) -> None:
        self._id = build_id
        self._codebuild = codebuild
        self._clock = clock
        self._narrate = narrate
        self._record: BuildRecord | None = None
        self._answered_at = clock.monotonic()
        self._phase = ""
        self.unknown = False

    def look(self) -> BuildRecord | None:
        """Return the newest record that there is; raise `MachineryError` when nobody has answered for too long."""
        try:
            found = self._codebuild.builds([self._id]).get(self._id)
        except MachineryError as error:
            if self._clock.monotonic() - self._answered_at >= _UNANSWERED_SECONDS:
                raise
            self._narrate(f"{error.what}: trying again")
            return self._record
        self._answered_at = self._clock.monotonic()
        self._record = found or self._record
        self.unknown = self._record is None
        if found is not None and found.phases and found.phases[-1].name != self._phase:
            self._phase = found.phases[-1].name
            self._narrate(f"{self._id} is in {self._phase}")
        return self._record
