"""What a package is to be, and what it is made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.packaging.documents.model import Asked
from orchestrator.packaging.runtimes import Target

if TYPE_CHECKING:
    from orchestrator.packaging.wheels.keep import WheelKeep


@dataclass(frozen=True)
class Recipe:
    """What to make.

    `tree` is the root of the repository: nothing outside of it is read. `requirements` is None for a package without
    dependencies. `output` is the folder that the commands of kind `custom` fill. `layers` are zips that will lie below
    the same function; they are inspected and tried with it, and not packed. `ignored` are paths in `sources` that are
    not part of the application.
    """

    kind: str
    target: Target
    tree: Path
    sources: tuple[Path, ...]
    requirements: Path | None
    asked: Asked
    output: Path | None = None
    layers: tuple[Path, ...] = ()
    ignored: tuple[Path, ...] = ()

    @property
    def here(self) -> Path:
        """The directory that relative paths of requirements and commands start from."""
        first = self.sources[0] if self.sources else self.tree
        return first if first.is_dir() else first.parent


@dataclass(frozen=True)
class Bench:
    """Where the work is done, and with what.

    `directory` is private to one run; `cache` is shared between runs. `uv` is the program; `image` the build image,
    empty outside of a build.
    """

    directory: Path
    cache: Path
    uv: Path
    keep: WheelKeep
    narrate: Callable[[str], None]
    image: str = ""
