"""One thing that is wrong with a file, and how all of them are told at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.config.secrets import looks_like_secret
from orchestrator.errors import ConfigurationError

# A part of a path: the key of a mapping or the index of a list.
Path = tuple["str | int", ...]


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong at one place; `column` is 0 when `path` says better than a column where it is."""

    line: int
    column: int
    path: str
    text: str

    def __str__(self) -> str:
        """Return the line of the message without the file name."""
        place = f"{self.line}:{self.column}" if self.column else f"{self.line}"
        return f"{place}: {self.path}: {self.text}" if self.path else f"{place}: {self.text}"


def failure(filename: str, problems: Iterable[Problem], hint: str) -> ConfigurationError:
    """Return the error that tells all problems, one line each, in the order of the file."""
    ordered = sorted(set(problems))
    name = printable(filename, limit=200)
    count = "a problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    lines = "\n".join(f"{name}:{problem}" for problem in ordered)
    return ConfigurationError(f"`{name}` has {count}", detail=lines, hint=hint)


def dotted(path: Sequence[str | int]) -> str:
    """Return the path as people write it, without showing a secret that was used as a key."""
    return ".".join(_part(str(part)) for part in path)


def _part(text: str) -> str:
    if looks_like_secret(text):
        return "(not shown)"
    shown = printable(text)
    return f'"{shown}"' if not shown or " " in shown else shown


def printable(text: str, limit: int = 80) -> str:
    """Return the text on one line, safe for a terminal, shortened to `limit` characters."""
    shown = "".join(c if c.isprintable() and c != "`" else ascii(c)[1:-1].replace("`", "'") for c in text)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
