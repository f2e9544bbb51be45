"""A job's log: written as it comes, with masked values replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

_MASK = b"[MASKED]"
_GREEN, _RED, _YELLOW, _CYAN, _OFF = "\x1b[32;1m", "\x1b[31;1m", "\x1b[0;33m", "\x1b[36;1m", "\x1b[0;m"


class Masker:
    """Replaces secrets in a stream of bytes, also where a secret is split between two chunks."""

    def __init__(self, secrets: Iterable[str]) -> None:
        encoded = {secret.encode("utf-8", "surrogateescape") for secret in secrets if secret}
        self._secrets = sorted(encoded, key=len, reverse=True)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what can be shown now; a tail that may be the beginning of a secret is held back."""
        data = self._replace(self._held + chunk)
        keep = self._open_tail(data)
        self._held = data[len(data) - keep :] if keep else b""
        return data[: len(data) - keep]

    def flush(self) -> bytes:
        """Return what was held back."""
        rest, self._held = self._held, b""
        return rest

    def _replace(self, data: bytes) -> bytes:
        for secret in self._secrets:
            data = data.replace(secret, _MASK)
        return data

    def _open_tail(self, data: bytes) -> int:
        longest = 0
        for secret in self._secrets:
            for length in range(min(len(secret) - 1, len(data)), longest, -1):
                if data.endswith(secret[:length]):
                    longest = length
                    break
        return longest


class Trace:
    """The log file of one job; `limit_bytes` is where GitLab stops to listen (4 MiB by default)."""

    def __init__(self, path: Path, secrets: Iterable[str], limit_bytes: int = 4 << 20) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        self._masker = Masker(secrets)
        self._left = limit_bytes
        self._at_line_start = True
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        """Append output of the job."""
        with self._lock:
            self._at_line_start = chunk.endswith(b"\n") if chunk else self._at_line_start
            self._append(self._masker.feed(chunk))

    def _append(self, data: bytes) -> None:
        if self._left <= 0 or not data:
            return
        self._file.write(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._file.write(b"\nJob's log exceeded limit. Job execution will continue but no more output.\n")

    def line(self, text: str) -> None:
        """Append a line of the runner's own, on a new line."""
        start = "" if self._at_line_start else "\n"
        self.write(f"{start}{text}\n".encode("utf-8", "surrogateescape"))

    def step(self, text: str) -> None:
        """Append the title of a step."""
        self.line(f"{_CYAN}{text}{_OFF}")

    def warn(self, text: str) -> None:
        """Append a warning."""
        self.line(f"{_YELLOW}WARNING: {text}{_OFF}")

    def good(self, text: str) -> None:
        """Append the closing line of a job that succeeded."""
        self.line(f"{_GREEN}{text}{_OFF}")

    def bad(self, text: str) -> None:
        """Append an error."""
        self.line(f"{_RED}ERROR: {text}{_OFF}")

    def close(self) -> None:
        """Write what is held back and close the file."""
        with self._lock:
            if not self._file.closed:
                self._append(self._masker.flush())
                self._file.close()
