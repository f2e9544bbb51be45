"""Where configuration files come from: the port through which the CI code reads projects of this server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Place:
    """One commit of one project."""

    project: str
    sha: str


class Sources(Protocol):
    """Reads projects as the user who starts the pipeline may read them."""

    def place(self, project: str, ref: str | None) -> Place | None:
        """Return the commit a ref (default: the default branch) of a project names, None if there is none."""

    def knows(self, project: str) -> bool:
        """Tell whether there is such a project that the user may read."""

    def read(self, place: Place, path: str) -> str | None:
        """Return the text of a file, None if there is none."""

    def files(self, place: Place) -> list[str]:
        """Return the paths of all files."""

    def hosts(self) -> set[str]:
        """Return the names under which components may call this server."""

    def version(self, project: str, wanted: str) -> str | None:
        """Return the newest tag that a component version (`1`, `1.2`, `~latest`) means, None if none does."""
