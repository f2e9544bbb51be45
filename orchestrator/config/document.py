"""Data of a file that remembers where each value was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.problem import Path, Problem


@dataclass(frozen=True)
class Odd:
    """A value that YAML understands in a way nobody means here, such as a date or an octal number."""

    kind: str
    text: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a value was written: line from 1, path, own text; `source` supplied what nobody wrote."""

    line: int
    path: Path
    text: str = ""
    plain: bool = False
    source: str = ""


@dataclass
class Document:
    """Data of a file, the origin of each value by its path, and what was wrong on the way."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def origin(self, path: Path) -> Origin:
        """Return the origin of the value, or of the nearest block around it when it was not written."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.origins:
                found = self.origins[path[:length]]
                return found if length == len(path) else Origin(found.line, found.path + path[length:])
        return Origin(1, path)

    def at(self, *path: str | int) -> Any:
        """Return the value at the path, or None when the way to it ends early."""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value
