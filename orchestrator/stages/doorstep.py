"""The last word about a build that comes home by an event: which pipeline has taken it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import MachineryError, Superseded
from orchestrator.handback.record import LIMIT_BYTES, Record, parse_record, record_bytes, record_key
from orchestrator.ports import BuildRecord, Clock, ObjectStore

_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0


class TakenAlready(Superseded):
    """Another pipeline has taken this build: it tells how that went, and this one has nothing to say."""


@dataclass(frozen=True)
class Doorstep:
    """The record of one build's way home, and the pipeline that stands there. See `handback.record`.

    The event of an ending is told at least once, so two pipelines may come for one build; the first one takes it.
    """

    build: BuildRecord
    pipeline_id: str
    prefix: str
    store: ObjectStore
    clock: Clock

    def look(self) -> None:
        """Raise `TakenAlready` if another pipeline has taken the build."""
        self._found()

    def take(self) -> None:
        """Note that this pipeline takes the build, once and for good; a repeated job finds its own note.

        Raises `TakenAlready` if another pipeline was first.
        """
        content = record_bytes(self.build.id, state="home", pipeline_id=self.pipeline_id)
        for attempt in range(_ATTEMPTS):
            if attempt:
                self.clock.sleep(_PAUSE_SECONDS)
            record, tag = self._found()
            if record.state == "home" or self.store.replace(self._key, content, tag=tag):
                return
        raise MachineryError(
            f"cannot note that the build `{self.build.id}` has come home",
            detail=f"observed: `{self._key}` was changed by somebody else {_ATTEMPTS} times",
            hint="retry the job",
        )

    @property
    def _key(self) -> str:
        return record_key(self.prefix, self.build.project, self.build.uuid)

    def _found(self) -> tuple[Record, str | None]:
        stored = self.store.read_tagged(self._key, limit_bytes=LIMIT_BYTES)
        if stored is None:
            # Nobody has told of this build; somebody has started this pipeline by hand.
            return Record("released"), None
        record = parse_record(stored.content, self.build.id)
        if record.state == "home" and record.pipeline_id != self.pipeline_id:
            raise TakenAlready(
                f"the build `{self.build.id}` has come home already",
                detail=f"observed: taken by pipeline {record.pipeline_id!a:.30}\nthis pipeline: {self.pipeline_id}",
                hint="nothing to do: the end of a build may be told twice, and the other pipeline has its package",
            )
        return record, stored.tag
