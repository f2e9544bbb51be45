"""A child process that may be interrupted but is never abandoned.

Terraform holds a lock on its state while it works. A signal that reaches it twice makes it drop its work without
writing the state down, a signal that never reaches it leaves it running without a parent, and so does a parent that
is killed. Therefore a child here

- has a session of its own: a Ctrl-C in the terminal or a signal to the job's process group reaches only us;
- gets exactly one SIGINT when we get the first SIGINT or SIGTERM, and is then waited for;
- is killed, with everything it started, only when it has not ended `grace_seconds` after that;
- gets a SIGINT from the kernel when we are killed (Linux). It writes to a file and not to a pipe, because a pipe that
  nobody reads any more would kill it (SIGPIPE) before it has given its lock back.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from orchestrator.errors import ConfigurationError, MachineryError, Superseded
from orchestrator.redaction import secrets_of

GRACE_SECONDS = 300.0
_POLL_SECONDS = 0.05
_TAIL_LINES = 400
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None

Listener = Callable[[str], None]


def child_environment(environment: Mapping[str, str], needed: Collection[str] = ()) -> dict[str, str]:
    """Return an environment without the variables that hold secrets, but for those that begin with a `needed` word.

    A program that we start may run others (filters, plugins, credential helpers), and has no business with a token
    that is not for it.
    """
    kept = tuple(needed)
    return {name: value for name, value in environment.items() if name.startswith(kept) or not secrets_of(name, value)}


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code (negative: killed by that signal), and its last lines of output."""

    returncode: int
    tail: tuple[str, ...]


@dataclass(frozen=True)
class Captured:
    """How a child ended whose standard output was wanted as data."""

    returncode: int
    stdout: str
    tail: tuple[str, ...]


def stream(
    argv: Sequence[str],
    *,
    name: str,
    directory: Path,
    environment: Mapping[str, str],
    listen: Listener,
    grace_seconds: float = GRACE_SECONDS,
) -> Ended:
    """Run a command and hand over every line of its output, both streams as one, as it is written.

    `name` is what messages call it. Raises `ConfigurationError` when it cannot be started and `Superseded` when we were
    told to stop meanwhile.
    """
    with tempfile.TemporaryFile() as output:
        lines = _Lines(output, listen)
        child = _Child(argv, name, directory, environment, output, output)
        returncode = _run(child, lines, grace_seconds)
        return Ended(returncode, tuple(lines.tail))


def capture(
    argv: Sequence[str],
    *,
    name: str,
    directory: Path,
    environment: Mapping[str, str],
    grace_seconds: float = GRACE_SECONDS,
) -> Captured:
    """Run a command and return its standard output whole; `tail` is the end of its standard error.

    Raises like `stream`.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        lines = _Lines(errors, lambda _line: None)
        child = _Child(argv, name, directory, environment, output, errors)
        returncode = _run(child, lines, grace_seconds)
        output.seek(0)
        return Captured(returncode, output.read().decode("utf-8", "replace"), tuple(lines.tail))


@dataclass(frozen=True)
class _Child:
    """What to start, and the files it writes its two streams to."""

    argv: Sequence[str]
    name: str
    directory: Path
    environment: Mapping[str, str]
    stdout: IO[bytes]
    stderr: IO[bytes]


class _Lines:
    """The lines of a file that is still being written."""

    def __init__(self, file: IO[bytes], listen: Listener) -> None:
        self._descriptor = file.fileno()
        self._listen = listen
        self._position = 0
        self._partial = b""
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def read(self) -> None:
        """Hand over the lines that are complete by now."""
        # `pread`, because the child writes at the position that this open file shares with it.
        while block := os.pread(self._descriptor, 1 << 16, self._position):
            self._position += len(block)
            *whole, self._partial = (self._partial + block).split(b"\n")
            for line in whole:
                self._hand_over(line)

    def finish(self) -> None:
        """Hand over what is left, with or without a line end."""
        self.read()
        if self._partial:
            self._hand_over(self._partial)
            self._partial = b""

    def _hand_over(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self.tail.append(text)
        self._listen(text)


@dataclass
class _Interruption:
    """The signals that came in while a child was running."""

    received: list[int] = field(default_factory=list)
    first_at: float = 0.0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Remember a signal; the loop that waits for the child acts on it."""
        if not self.received:
            self.first_at = time.monotonic()
        self.received.append(number)


def _run(child: _Child, lines: _Lines, grace_seconds: float) -> int:
    with _signals_noted() as interruption:
        process = _start(child)
        try:
            _wait(process, lines, interruption, grace_seconds)
        finally:
            _end(process, grace_seconds, asked=bool(interruption.received))
        lines.finish()
    if interruption.received:
        how = f"it ended in an orderly way with exit code {process.returncode}"
        if process.returncode == -signal.SIGKILL:
            how = f"it had not ended after {grace_seconds:g} seconds and was killed, what it locked may be locked still"
        raise Superseded(
            f"`{child.name}` was interrupted by {signal.Signals(interruption.received[0]).name}",
            detail=how,
            hint="run this again, it goes on from where it stopped",
        )
    return process.returncode


def _start(child: _Child) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(child.argv),
            cwd=child.directory,
            env=dict(child.environment),
            stdin=subprocess.DEVNULL,
            stdout=child.stdout,
            stderr=child.stderr,
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()) if _LIBC else None,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"cannot start `{child.name}`",
            detail=f"{error.strerror}: `{error.filename}`",
            hint="check that it is installed, and that this user may run it",
        ) from error
    except OSError as error:
        raise MachineryError(f"cannot start `{child.name}`", detail=str(error.strerror)) from error


def _die_with_parent(parent: int) -> Callable[[], None]:
    """Return what a child does before it becomes the command: ask the kernel for a SIGINT when its parent dies."""
    prctl = _LIBC.prctl if _LIBC else None

    def ask() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask


def _wait(process: subprocess.Popen[bytes], lines: _Lines, interruption: _Interruption, grace_seconds: float) -> None:
    forwarded = False
    while True:
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            lines.read()
        else:
            return
        if not interruption.received:
            continue
        if not forwarded:
            forwarded = True
            process.send_signal(signal.SIGINT)
        elif time.monotonic() - interruption.first_at > grace_seconds:
            return


def _end(process: subprocess.Popen[bytes], grace_seconds: float, *, asked: bool) -> None:
    """See to it that nothing of the child is left; if it has not been asked to stop yet, ask and wait first."""
    if process.poll() is None and not asked:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    # The group outlives its leader when a plugin or a provisioner did not end with it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _signals_noted() -> Iterator[_Interruption]:
    """Note SIGINT and SIGTERM instead of dying of them; only a process's main thread can arrange that."""
    interruption = _Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, interruption.note)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
