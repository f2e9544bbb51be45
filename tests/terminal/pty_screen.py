"""A real pseudo-terminal of a given size with a program on it, and what a person would see there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

CTRL_C = "\x03"
_PATIENCE_SECONDS = 120.0
_HISTORY_LINES = 20_000
_LOOK_SECONDS = 0.05


class Screen:
    """A program that believes to be at a terminal. `with` ends it, whatever it does."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        columns: int = 100,
        lines: int = 40,
    ) -> None:
        self._shown = pyte.HistoryScreen(columns, lines, history=_HISTORY_LINES, ratio=0.5)
        self._stream = pyte.ByteStream(self._shown)
        self.raw = b""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._process = subprocess.Popen(
            list(words),
            cwd=folder,
            env={"TERM": "xterm-256color", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=_own_terminal,
        )
        os.close(theirs)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(timeout=_PATIENCE_SECONDS)
        os.close(self._ours)

    def type(self, text: str) -> None:
        """Press keys; `CTRL_C` is one of them."""
        os.write(self._ours, text.encode())

    def until(self, pattern: str) -> str:
        """Wait until the screen or what was scrolled off it holds a pattern; return all of it."""
        wanted = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not wanted.search(self.text()):
            assert self._read(), f"it ended before `{pattern}`:\n{self.text()}"
            assert time.monotonic() < deadline, f"`{pattern}` did not come:\n{self.text()}"
        return self.text()

    def ended(self) -> int:
        """Wait until the program has ended; return its exit code."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._read():
            assert time.monotonic() < deadline, f"it does not end:\n{self.text()}"
        return self._process.wait(timeout=_PATIENCE_SECONDS)

    def ended_by(self, keys: str) -> int:
        """Press keys, and again after three seconds as people do, until the program has ended; return its exit code.

        A Ctrl-C between the question and the moment when Python waits for the answer is noticed with the next key only.
        """
        deadline, pressed = time.monotonic() + _PATIENCE_SECONDS, 0.0
        while self._read():
            assert time.monotonic() < deadline, f"it does not end:\n{self.text()}"
            if time.monotonic() - pressed > 3:
                pressed = time.monotonic()
                self.type(keys)
        return self._process.wait(timeout=_PATIENCE_SECONDS)

    def interrupt(self, number: signal.Signals) -> None:
        """Send a signal to the program, as a runner does that cancels a job."""
        self._process.send_signal(number)

    def text(self) -> str:
        """Return what is and was on the screen, without the blanks at the ends of lines and below the last line."""
        gone = ["".join(line[column].data for column in range(self._shown.columns)) for line in self._shown.history.top]
        return "\n".join(line.rstrip() for line in [*gone, *self._shown.display]).rstrip("\n")

    def colours(self) -> set[str]:
        """Return the colours in which anything is shown now, but for the default one."""
        cells = [cell for line in self._shown.buffer.values() for cell in line.values()]
        return {cell.fg for cell in cells if cell.data.strip()} - {"default"}

    def _read(self) -> bool:
        """Take what the program has written meanwhile; False once nothing can come any more."""
        ready, _, _ = select.select([self._ours], [], [], _LOOK_SECONDS)
        if not ready:
            return True
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # EIO: nobody has the other side open
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


def matches(shown: str, expected: str) -> bool:
    """Tell whether a screen is as expected, line by line; `…` stands for any text within a line.

    A line that is only `…` stands for any number of lines. Columns may be further apart: some hold times.
    """
    pieces = ["(?:.*\n)*?" if line == "…" else f"{_pattern(line)}\n" for line in _lines(expected)]
    return re.fullmatch("".join(pieces), "".join(f"{line}\n" for line in _lines(shown))) is not None


def _pattern(line: str) -> str:
    words = line.lstrip()
    indent = len(line) - len(words)
    return " " * indent + re.sub(r"(?:\\ ){2,}", " {2,}", re.escape(words)).replace("…", ".*")


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
