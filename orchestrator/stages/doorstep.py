"""The last word about a build that has come home: which pipeline has taken it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import MachineryError, Superseded
from orchestrator.handback.record import Record
from orchestrator.ports import Clock
from orchestrator.stages.homecoming import Homecoming

_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0


class TakenAlready(Superseded):
    """Another pipeline has taken this build: it tells how that went, and this one has nothing to say."""


@dataclass(frozen=True)
class Doorstep:
    """The record of one build's way home, and the pipeline that stands there. See `handback.record`.

    The event of an ending is told at least once, so two pipelines may come for one build; of those of a ref,
    the first one takes it. Where it is `shared`, nobody is told: each pipeline has waited for the build, and takes it.
    """

    home: Homecoming
    pipeline_id: str
    clock: Clock
    shared: bool = False

    def look(self) -> None:
        """Raise `TakenAlready` if another pipeline has taken the build."""
        if not self.shared:
            self._found()

    def take(self) -> None:
        """Note that this pipeline takes the build, once and for good; a repeated job finds its own note.

        Raises `TakenAlready` if another pipeline was first.
        """
        if self.shared:
            self.home.arrive(self.pipeline_id)
            return
        for attempt in range(_ATTEMPTS):
            if attempt:
                self.clock.sleep(_PAUSE_SECONDS)
            record, tag = self._found()
            if record.state == "home" or self.home.replace("home", tag=tag, pipeline_id=self.pipeline_id):
                return
        raise MachineryError(
            f"cannot note that the build `{self.home.build.id}` has come home",
            detail=f"observed: `{self.home.key}` was changed by somebody else {_ATTEMPTS} times",
            hint="retry the job",
        )

    def _found(self) -> tuple[Record, str | None]:
        record, tag = self.home.read()
        if record is None:
            # Nobody has told of this build; somebody has started this pipeline by hand.
            return Record("released"), None
        if record.state == "home" and record.pipeline_id != self.pipeline_id:
            raise TakenAlready(
                f"the build `{self.home.build.id}` has come home already",
                detail=f"observed: taken by pipeline {record.pipeline_id!a:.30}\nthis pipeline: {self.pipeline_id}",
                hint="nothing to do: the end of a build may be told twice, and the other pipeline has its package",
            )
        return record, tag
