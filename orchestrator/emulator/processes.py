"""End every process of a build or job, also those that left its process group."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_ROUNDS = 50
_ROUND_SECONDS = 0.02


def start_time(pid: int) -> str | None:
    """Return when process `pid` started (clock ticks since boot), or None if it is gone or /proc is absent.

    Pid and start time together name one process for good; a pid alone is reused.
    """
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def end(sessions: Collection[int], marker: str) -> None:
    """Kill what belongs to a build or job: its sessions' processes and those with `marker` in their environment.

    `marker` is `NAME=value` of a variable that nobody else's processes have; it finds those that made a
    session of their own. Looks again until there are none, because a process may start another one while
    it is looked for. Without /proc only the process groups are killed.
    """
    for session in sessions:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(session, signal.SIGKILL)
    for _ in range(_ROUNDS):
        found = list(_matching(sessions, marker.encode()))
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(_ROUND_SECONDS)


def _matching(sessions: Collection[int], marker: bytes) -> Iterator[int]:
    for entry in _PROC.glob("[0-9]*"):
        pid = int(entry.name)
        fields = _stat(pid)
        if pid == os.getpid() or not fields or fields[0] in "ZX":
            continue
        if int(fields[3]) in sessions or marker in _environment(entry):
            yield pid


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command name: state, ppid, pgrp, session, ..."""
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _environment(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
