"""What goes into a zip, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.model import Wheel


@dataclass(frozen=True)
class Order:
    """One zip to assemble.

    `kind` is `function` (files at the root), `layer` (Python below `python/`) or `custom` (the files of
    `sources` as they are, no wheels). `sources` are directories or files of the application; links in them may
    lead anywhere below `root` (None: below their own source). `exclude` are glob patterns of names in the zip that
    stay out. `bytecode` adds unchecked-hash `.pyc` files, compiled by `interpreter`, a Python of the target's minor
    version. `ignored` are paths that are not part of the application although they lie in it, such as what an earlier
    build has written.
    """

    kind: str
    target: Target
    wheels: tuple[Wheel, ...]
    sources: tuple[Path, ...]
    exclude: tuple[str, ...] = ()
    bytecode: bool = False
    interpreter: Path | None = None
    root: Path | None = None
    ignored: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Assembled:
    """What is in the finished zip; its digest comes from the inspection, which reads it anew.

    `origins` tells for every file the distribution (`lxml 6.0.2`), empty for the application. `compressor` and
    `interpreter` name what else the bytes depend on; `interpreter` is empty without bytecode.
    """

    unzipped_bytes: int
    files: int
    origins: Mapping[str, str]
    notes: tuple[str, ...]
    compressor: str = ""
    interpreter: str = ""
