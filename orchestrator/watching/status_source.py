"""What CodeBuild says of up to a hundred builds, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf

from orchestrator.errors import CredentialsExpired, MachineryError, OrchestratorError
from orchestrator.patience import Patience
from orchestrator.ports import CodeBuild
from orchestrator.records import BuildRecord
from orchestrator.watching.followed import Followed
from orchestrator.watching.model import Lost, Seen, Trouble
from orchestrator.watching.pace import SHORTEST_SECONDS, SILENCE, Rhythm

# CodeBuild may not know an id at once after StartBuild: BatchGetBuilds then lists it in `buildsNotFound`.
_UNKNOWN_SECONDS = 60.0


class StatusSource:
    """Looks at builds until each has ended; `due` is when it wants to be asked next."""

    def __init__(
        self, builds: Sequence[Followed], codebuild: CodeBuild, patience: Patience, wall: Callable[[], float]
    ) -> None:
        self._builds, self._codebuild, self._wall = builds, codebuild, wall
        self._monotonic = patience.monotonic
        self._rhythm = Rhythm(patience)
        self._began = self._asked_at = self.due = patience.monotonic()

    def ask(self) -> Callable[[], Mapping[str, BuildRecord]]:
        """Return the call to make."""
        self._asked_at = self._monotonic()
        asked = [build.id for build in self._running()]
        return lambda: self._codebuild.builds(asked)

    def answered(self, answer: Mapping[str, BuildRecord]) -> Iterator[Seen]:
        """Take the answer, and tell what is new."""
        now = self._monotonic()
        for build in self._running():
            if build.id in answer:
                yield from build.see(answer[build.id], now, self._wall())
            elif build.record is None and now - self._began >= _UNKNOWN_SECONDS:
                yield lost(build, f"CodeBuild does not know it: not for {_UNKNOWN_SECONDS:.0f} seconds")
        running = self._running()
        within = min((build.look_within_seconds(now) for build in running), default=inf)
        self.due = now + self._rhythm.after_success(within) if running else inf

    def failed(self, error: OrchestratorError) -> Iterator[Seen]:
        """Take a failure; it says nothing about the builds, until it has lasted too long or will not pass."""
        passes = isinstance(error, MachineryError) and not isinstance(error, CredentialsExpired)
        first = not self._rhythm.fails
        pause = self._rhythm.after_failure()
        if passes and self._rhythm.failing_seconds() + pause < SILENCE.deadline_seconds:
            self.due = self._monotonic() + pause
            if first:
                yield Trouble(error.in_short)
            return
        self.due = inf
        for build in self._running():
            yield lost(build, error.in_short)

    def hurry(self) -> None:
        """Look soon: a log has said that a build is about to end."""
        if not self._rhythm.fails:
            self.due = min(self.due, max(self._monotonic(), self._asked_at + SHORTEST_SECONDS))

    def _running(self) -> list[Followed]:
        return [build for build in self._builds if not build.over and not build.ended]


def lost(build: Followed, why: str) -> Lost:
    """Return that a build cannot be watched any longer; nothing follows."""
    build.over = True
    return Lost(build.id, why)
