"""`parallel:`: one job of the configuration becomes several of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.keywords import MAX_PARALLEL
from orchestrator.emulator.gitlab.ci.model import JobSpec, Need


@dataclass(frozen=True)
class Instance:
    """One copy of a job: its name, the variables it gets on top, and its number (from 1) of `total`."""

    name: str
    variables: dict[str, str]
    index: int | None = None
    total: int = 1


def instances(job: JobSpec) -> list[Instance]:
    """Return the copies of a job; raises `ConfigError` when there are more than 200."""
    if job.parallel is None:
        return [Instance(job.name, {})]
    if isinstance(job.parallel, int):
        total = job.parallel
        return [Instance(f"{job.name} {index}/{total}", {}, index, total) for index in range(1, total + 1)]
    rows = _rows(job.parallel["matrix"])
    if len(rows) > MAX_PARALLEL:
        raise ConfigError(f"jobs:{job.name}:parallel:matrix config generates too many jobs (maximum is {MAX_PARALLEL})")
    names = [f"{job.name}: [{', '.join(row.values())}]" for row in rows]
    return [Instance(name, row, index, len(rows)) for index, (name, row) in enumerate(zip(names, rows, strict=True), 1)]


def _rows(matrix: list[dict[str, Any]]) -> list[dict[str, str]]:
    rows = []
    for entry in matrix:
        choices = [[str(item) for item in (value if isinstance(value, list) else [value])] for value in entry.values()]
        rows += [dict(zip(entry, picked, strict=True)) for picked in product(*choices)]
    return rows


def selected(need: Need, copies: list[Instance]) -> list[str]:
    """Return the names of the copies that a `needs` entry means: all, or those of its matrix."""
    if not need.matrix:
        return [copy.name for copy in copies]
    wanted = [dict(row) for row in need.matrix]
    return [
        copy.name
        for copy in copies
        if any(all(copy.variables.get(key) == value for key, value in row.items()) for row in wanted)
    ]
