"""The log of one build: in the real style, secrets masked, sent on in batches while it is written."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_BATCH_SECONDS = 0.2
_BATCH_EVENTS = 5000
_LINE_BYTES = 200_000
_SHORTEST_SECRET = 3
MASK = "***"

Event = tuple[int, str]  # milliseconds since the epoch, text with its line end
Deliver = Callable[[Sequence[Event]], None]


class BuildLog:
    """Lines of a build, kept in a file and handed to `deliver` about five times a second."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", errors="replace")
        self._rest = b""
        self._secrets: list[str] = []
        self._pending: list[Event] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._sender: threading.Thread | None = None
        self._deliver: Deliver | None = None

    def send_to(self, deliver: Deliver) -> None:
        """Start handing lines to `deliver`, in a thread of its own so that commands never wait for it."""
        self._deliver = deliver
        self._sender = threading.Thread(target=self._send, name="build-log", daemon=True)
        self._sender.start()

    def hide(self, secret: str) -> None:
        """Show `secret` as *** from now on; each line of a secret of several lines is hidden as well."""
        parts = {secret, *secret.splitlines()}
        self._secrets.extend(part for part in parts if len(part.strip()) >= _SHORTEST_SECRET)
        self._secrets.sort(key=len, reverse=True)

    def container(self, text: str) -> None:
        """Write a line of CodeBuild itself."""
        self.flush()
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y/%m/%d %H:%M:%S.%f")
        self._line(f"[Container] {now} {text}")

    def write(self, chunk: bytes) -> None:
        """Write output of a command; a line is passed on when it is complete."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", errors="replace"))
        if len(self._rest) > _LINE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Pass on a line that has no line end yet."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._line(rest.decode("utf-8", errors="replace"))

    def close(self) -> None:
        """Pass everything on and wait until it has been handed over."""
        self.flush()
        self._closed.set()
        if self._sender is not None:
            self._sender.join(timeout=10)
        self._file.close()

    def _line(self, text: str) -> None:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = text.rstrip("\r") + "\n"
        self._file.write(text)
        with self._lock:
            self._pending.append((int(time.time() * 1000), text))

    def _send(self) -> None:
        last = False
        while not last:
            last = self._closed.wait(_BATCH_SECONDS)
            with self._lock:
                events, self._pending = self._pending, []
            if not last:
                self._file.flush()
            for start in range(0, len(events), _BATCH_EVENTS):
                if self._deliver is not None:
                    self._deliver(events[start : start + _BATCH_EVENTS])
