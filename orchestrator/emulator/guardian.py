"""A small process that outlives a killed emulator by a moment, to end its builds and jobs.

It is told over a pipe what there is to end. Nobody but the emulator holds the other end of that pipe, so
end of file means that the emulator is gone, also after SIGKILL, when the emulator itself can do nothing.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.emulator import processes

_KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME")
_END_SECONDS = 5.0


@dataclass(frozen=True)
class Charge:
    """What one build or job leaves behind: processes by marker and session ids, and a folder."""

    marker: str
    sessions: tuple[int, ...]
    folder: str


class Guardian:
    """The emulator's end of the pipe; the process starts with the first charge, and again if it was killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._charges: dict[str, Charge] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, charge: Charge) -> None:
        """End `charge` when this process is gone; replaces what was said of the same marker."""
        with self._lock:
            self._charges[charge.marker] = charge
            self._tell(asdict(charge))

    def release(self, marker: str) -> None:
        """Forget a charge that has been ended."""
        with self._lock:
            if self._charges.pop(marker, None) is not None:
                self._tell({"marker": marker})

    def close(self) -> None:
        """Let the process end what there is left, and wait for it."""
        with self._lock:
            if self._process is not None:
                self._process.communicate(timeout=_END_SECONDS)
                self._process = None

    def _tell(self, message: dict[str, Any]) -> None:
        if self._process is not None and self._write([message]):
            return
        self._start()
        self._write(asdict(charge) for charge in self._charges.values())

    def _start(self) -> None:
        if self._process is not None:
            self._process.wait(timeout=_END_SECONDS)
        # Nothing else of our environment: an outer emulator would take this process for one of its job's.
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", __name__],
            env=environment,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _write(self, messages: Iterable[dict[str, Any]]) -> bool:
        pipe = self._process.stdin if self._process is not None else None
        if pipe is None:
            return False
        try:
            pipe.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
            pipe.flush()
        except OSError:
            with suppress(OSError):
                pipe.close()
            return False
        return True


@functools.cache
def of_this_process() -> Guardian:
    """Return the one guardian of this process."""
    guardian = Guardian()
    atexit.register(guardian.close)
    return guardian


def main() -> None:
    """Listen until the emulator is gone, then end every charge that was not released."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    charges: dict[str, Charge] = {}
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "sessions" in message:
            charges[message["marker"]] = Charge(**message)
        else:
            charges.pop(message["marker"], None)
    for charge in charges.values():
        processes.end(charge.sessions, charge.marker)
        shutil.rmtree(charge.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
