"""Whether a build has come home, as its record in the artifact store says, and what is written there about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.errors import OrchestratorError, Superseded
from orchestrator.handback.record import LIMIT_BYTES, Record, parse_record, record_bytes, record_key
from orchestrator.ports import Narrator, ObjectStore
from orchestrator.records import BuildRecord
from orchestrator.vocabulary import Return

_ATTEMPTS = 3
_SETTLED = {"home", "superseded"}


@dataclass(frozen=True)
class Homecoming:
    """The record of one build's way home; `handback.record` says what is in it.

    `ref` is the ref that asks for the package, empty for the one that the build was started for.
    """

    build: BuildRecord
    prefix: str
    store: ObjectStore
    ref: str = ""

    def found(self) -> Record | None:
        """Return the record, None if nobody has told of the build yet."""
        return self.read()[0]

    def read(self) -> tuple[Record | None, str | None]:
        """Return the record and the tag by which it can be replaced; neither if nobody has told of the build yet."""
        stored = self.store.read_tagged(self.key, limit_bytes=LIMIT_BYTES)
        return (None, None) if stored is None else (parse_record(stored.content, self.build.id), stored.tag)

    def replace(self, state: str, *, tag: str | None, **fields: object) -> bool:
        """Write the record in place of the one that had this tag; False if somebody else was quicker."""
        return self.store.replace(self.key, record_bytes(self.build.id, state=state, **fields), tag=tag)

    def claim(self, now: float, *, lease_seconds: float) -> bool:
        """Take the right to start the pipeline of a build at a Unix time; False if somebody has it, or has used it."""
        record, tag = self.read()
        return open_at(record, now) and self.replace("claimed", tag=tag, until=now + lease_seconds)

    def settle(self, pipeline_id: str) -> None:
        """Note that a pipeline was started; what postbuild has written in the meantime stays."""
        self._write("triggered", pipeline_id, keep="home")

    def release(self) -> None:
        """Give the claim back; what postbuild has written in the meantime stays."""
        self._write("released", "", keep="home")

    def close(self) -> None:
        """Note that no pipeline can be started, because the ref is gone."""
        self._write("superseded", "", keep="home")

    def arrive(self, pipeline_id: str) -> None:
        """Note that a pipeline has the result; the first one stays noted."""
        self._write("home", pipeline_id, keep="home")

    def reopen(self) -> None:
        """Let the next pipeline take a build that has come home before, or whose ref was gone.

        Where nothing was settled, nothing is noted: whoever tells of the build for the first time finds it open.
        """
        for _ in range(_ATTEMPTS):
            record, tag = self.read()
            if record is None or record.state not in _SETTLED:
                return
            if self.replace("triggered", tag=tag, pipeline_id=""):
                return

    def _write(self, state: str, pipeline_id: str, *, keep: str) -> None:
        """Replace the record unless its state is `keep`; if others go on writing, theirs stays."""
        for _ in range(_ATTEMPTS):
            record, tag = self.read()
            if record is not None and record.state == keep:
                return
            if self.replace(state, tag=tag, pipeline_id=pipeline_id):
                return

    @property
    def key(self) -> str:
        """Where the record lies."""
        built_for = self.build.variables.get("ORCHESTRATOR_REF", "")
        other_ref = self.ref if self.ref != built_for else ""
        return record_key(self.prefix, self.build.project, self.build.uuid, other_ref)


@contextmanager
def noting(return_: Return, narrate: Narrator) -> Iterator[None]:
    """Go on without the record where it is a second lock only.

    With `return: event` a record that cannot be used ends the stage; a build that calls GitLab itself calls once, so a
    role that may not use the record loses that lock and nothing else.
    """
    try:
        yield
    except Superseded:
        raise
    except OrchestratorError as error:
        if return_ is Return.EVENT:
            raise
        narrate(f"nobody will know that this build came home: {error.what}")


def open_at(record: Record | None, now: float) -> bool:
    """Tell whether a build still has to be told of, at a Unix time."""
    if record is None or record.state == "released":
        return True
    return record.state == "claimed" and record.until <= now
