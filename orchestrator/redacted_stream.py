"""A stream that lets no secret through, however it is cut into writes; for standard output and standard error."""

from __future__ import annotations

import codecs
import io
import re
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO, cast

from orchestrator.redaction import Secrets, marked, squeeze

# A flush must not wait for the rest of a secret of which only so much was written: most often it is none.
_HARMLESS = 3
# The beginning of a URL that may have a login, and a control sequence that is not complete.
_OPEN_URL = re.compile(r""":(?:/(?:/[^\s/?#"'<>\x00-\x1f]{0,2000})?)?\Z""")
_OPEN_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*)?\Z")


class Sieve:
    """Takes text in pieces and hands it on without secrets; keeps back what may be the beginning of one.

    `_shown` characters of what is kept have been handed on already, by a flush.
    """

    def __init__(self, secrets: Secrets, hand_on: Callable[[str], object]) -> None:
        self._secrets = secrets
        self._hand_on = hand_on
        self._kept = ""
        self._shown = 0

    def feed(self, text: str) -> None:
        """Take the next piece."""
        whole, shown = self._kept + text, self._shown
        spans = self._secrets.spans(whole)
        end = self._undecided(whole)
        # A secret that has been found may go on: the same bytes in base64 with and without its padding.
        end = min([end, *(first for first, last in spans if first < end < last)])
        self._kept, self._shown = whole[end:], max(0, shown - end)
        if end > shown:
            self._hand_on(marked(whole[:end], [span for span in spans if span[1] <= end], shown))

    def flush(self) -> None:
        """Hand on what is kept unless it is long enough to matter; it is remembered in any case."""
        if len(squeeze(self._kept)[0]) <= _HARMLESS and self._shown < len(self._kept):
            self._hand_on(self._kept[self._shown :])
            self._shown = len(self._kept)

    def finish(self) -> None:
        """Hand on all that is kept: nothing follows."""
        rest = marked(self._kept, self._secrets.spans(self._kept), self._shown)
        self._kept, self._shown = "", 0
        if rest:
            self._hand_on(rest)

    def _undecided(self, text: str) -> int:
        """Return from where on the text must wait for what follows."""
        sequence = _OPEN_SEQUENCE.search(text)
        settled = text[: sequence.start()] if sequence else text
        url = _OPEN_URL.search(settled)
        begun = min(self._secrets.begun(settled), url.start() if url else len(settled))
        return begun if begun < len(settled) else len(text)


class RedactedStream:
    """Stands in front of a text stream; whatever else is asked of it, the stream beneath answers.

    `buffer` takes bytes the same way, so that nobody gets around it (click writes there when the encoding is ASCII).
    """

    def __init__(self, beneath: TextIO, secrets: Secrets) -> None:
        self.beneath = beneath
        self.secrets = secrets
        self.buffer = _Bytes(self)
        self._lock = threading.RLock()
        self._sieve = Sieve(secrets, self._hand_on)

    def write(self, text: str) -> int:
        """Write text; raises what the stream beneath raises."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            self._sieve.feed(text)
            if "\n" in text:
                self._sieve.flush()
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Let out what is certain."""
        with self._lock:
            self._sieve.flush()
            self.beneath.flush()

    def finish(self) -> None:
        """Let out all that is left: this process writes nothing more."""
        with self._lock:
            self._sieve.finish()
            self.beneath.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)

    def _hand_on(self, text: str) -> None:
        try:
            self.beneath.write(text)
        except UnicodeEncodeError:
            # Bytes that are no text in this encoding came through `buffer`, and go out as they came.
            self.beneath.flush()
            self.beneath.buffer.write(text.encode(self.beneath.encoding, "surrogateescape"))


class _Bytes(io.RawIOBase):
    """The binary side of a redacted stream."""

    def __init__(self, stream: RedactedStream) -> None:
        self._stream = stream
        encoding = getattr(stream.beneath, "encoding", None) or "utf-8"
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._stream.write(self._decoder.decode(bytes(content)))
        return len(content)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Stay open, as the stream does: whoever wrapped this is done, not we."""

    def fileno(self) -> int:
        return self._stream.beneath.fileno()

    def isatty(self) -> bool:
        return self._stream.beneath.isatty()


def redact_output(secrets: Secrets, *, stdout: bool = True) -> None:
    """Put the secrets of this process behind its standard streams, once."""
    for name in ("stdout", "stderr") if stdout else ("stderr",):
        stream = getattr(sys, name)
        # It is None when it was closed from the beginning.
        if stream is not None and not isinstance(stream, RedactedStream):
            setattr(sys, name, cast("TextIO", RedactedStream(stream, secrets)))


def finish_output(stream: TextIO | None) -> None:
    """Let out what a stream has kept back; raises what the stream beneath raises."""
    if isinstance(stream, RedactedStream):
        stream.finish()
    elif stream is not None:
        stream.flush()
