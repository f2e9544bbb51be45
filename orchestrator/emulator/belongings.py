"""What belongs to one build or job: its processes and its temporary directory, which end with it for certain."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

from orchestrator.emulator import guardian, processes

_SYSTEM = "/tmp"  # noqa: S108 - the directories in it are made by mkdtemp, private and unpredictable
_LONGEST_BYTES = 40  # a Unix socket's path has 108 bytes; tools want most of them for names of their own


class Belongings:
    """Processes that carry `marker` (`NAME=value`, unique) in their environment, and a private `folder`.

    They end with `end`, and also when this process is killed: a guardian process sees to that. The folder
    has a short path wherever the emulator's state lives, because sockets are made in it.
    """

    def __init__(self, marker: str) -> None:
        self.marker = marker
        self.folder = Path(tempfile.mkdtemp(prefix="run-", dir=_place()))
        self._sessions: tuple[int, ...] = ()
        self._lock = threading.Lock()
        self._tell()

    def add_session(self, session: int) -> None:
        """Count the processes of `session` (its leader's pid) in."""
        with self._lock:
            self._sessions = (*self._sessions, session)
            self._tell()

    def end(self) -> None:
        """Kill every process, and remove the folder."""
        processes.end(self._sessions, self.marker)
        shutil.rmtree(self.folder, ignore_errors=True)
        guardian.of_this_process().release(self.marker)

    def _tell(self) -> None:
        charge = guardian.Charge(self.marker, self._sessions, str(self.folder))
        guardian.of_this_process().watch(charge)


def _place() -> str | None:
    """Return where to make the folder: the machine's usual place, unless that is too deep."""
    usual = tempfile.gettempdir()
    return _SYSTEM if len(usual.encode()) > _LONGEST_BYTES and Path(_SYSTEM).is_dir() else None
