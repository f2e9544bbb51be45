"""Watch a build until it has ended."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.errors import ConfigurationError, CredentialsExpired, MachineryError, OrchestratorError
from orchestrator.patience import AWS, Bout, Patience
from orchestrator.ports import Clock, CodeBuild, Narrator
from orchestrator.records import BuildRecord

_FIRST_INTERVAL_SECONDS = 0.5
_LONGEST_INTERVAL_SECONDS = 15.0
# CodeBuild may not know an id at once after StartBuild: BatchGetBuilds then lists it in `buildsNotFound`.
_UNKNOWN_SECONDS = 60.0
# For as long nobody need answer: the build goes on, and its end waits for us.
_SILENCE = replace(AWS, longest_seconds=_LONGEST_INTERVAL_SECONDS, deadline_seconds=600.0)


def follow(
    build_id: str, codebuild: CodeBuild, clock: Clock, narrate: Narrator, *, deadline_seconds: float
) -> BuildRecord:
    """Return the record of a build once it is complete.

    A poll that fails is repeated for ten minutes: it says nothing about the build. Raises `MachineryError` for an id
    that stays unknown, at the deadline, when nobody answers, and when the credentials end while the build is watched;
    whatever it is, the build goes on.
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
            raise MachineryError(
                f"CodeBuild does not know the build `{build_id}`",
                detail=f"observed: not for {_UNKNOWN_SECONDS:.0f} seconds\n"
                "expected: a build of this account and region that is less than a year old",
                hint="retry the job; if it stays, check the build id, the account and the region",
            )
        if waited >= deadline_seconds:
            raise MachineryError(
                f"the build `{build_id}` did not end within {deadline_seconds:.0f} seconds",
                detail=f"last seen: {record.status if record else 'nothing'}",
                hint=_resume(build_id),
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
        self._silence = Bout(_SILENCE, Patience(sleep=clock.sleep, monotonic=clock.monotonic))
        self._phase = ""
        self.unknown = False

    def look(self) -> BuildRecord | None:
        """Return the newest record that there is; raise `MachineryError` when nobody has answered for too long."""
        found = self._asked()
        self._record = found or self._record
        self.unknown = self._record is None
        if found is not None and not found.complete and found.phases and found.phases[-1].name != self._phase:
            self._phase = found.phases[-1].name
            self._narrate(f"{self._id} is in {self._phase}")
        return self._record

    def _asked(self) -> BuildRecord | None:
        """Ask until somebody answers; what is answered then begins a new count of silence."""
        while True:
            try:
                found = self._codebuild.builds([self._id]).get(self._id)
            except OrchestratorError as error:
                if not self._passes(error) or not self._silence.pause():
                    raise self._lost(error) from error
                self._narrate(f"{error.what}: trying again")
            else:
                self._silence.over()
                return found

    def _passes(self, error: OrchestratorError) -> bool:
        return isinstance(error, MachineryError) and not isinstance(error, CredentialsExpired)

    def _lost(self, error: OrchestratorError) -> OrchestratorError:
        """Return what it means that nobody answers any more; before the first answer a refusal is what it says."""
        if isinstance(error, ConfigurationError) and self._record is None:
            return error
        seen = self._record.status if self._record else "nothing"
        return MachineryError(
            f"the build `{self._id}` cannot be watched any longer",
            detail=f"{error.what}\n{error.detail}\nlast seen: {seen}",
            hint=_resume(self._id),
        )


def _resume(build_id: str) -> str:
    return f"retry the job, or `orchestrator postbuild --build-id {build_id}`: the build goes on"
