"""What a server answers, and how many may be asked at once; the client itself is in `web`, and slow to import."""

from __future__ import annotations

from dataclasses import dataclass

PARALLEL = 12


class Interrupted(Exception):
    """The server broke off, or asks for patience; worth another attempt."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Page:
    """A whole answer; `url` is where it came from after redirects. 404 and 410 are answers, too."""

    url: str
    status: int
    content_type: str
    body: bytes
