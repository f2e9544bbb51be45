"""What a configuration means: jobs with all their keywords in one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Variables:
    """YAML variables in their order; those in `raw` are never expanded."""

    values: dict[str, str] = field(default_factory=dict)
    raw: frozenset[str] = frozenset()

    def over(self, under: Variables) -> Variables:
        """Return both, these on top."""
        raw = {name for name in under.raw if name not in self.values} | self.raw
        return Variables({**under.values, **self.values}, frozenset(raw))

    def only(self, names: list[str]) -> Variables:
        """Return those of the given names."""
        kept = {name: value for name, value in self.values.items() if name in names}
        return Variables(kept, self.raw & frozenset(kept))


@dataclass(frozen=True)
class Need:
    """One entry of `needs`; `matrix` selects jobs of a parallel matrix."""

    job: str
    artifacts: bool = True
    optional: bool = False
    matrix: tuple[tuple[tuple[str, str], ...], ...] = ()


@dataclass(frozen=True)
class JobSpec:
    """One job of the configuration, before `rules` and `parallel`; `inherited` are the global variables it takes."""

    name: str
    stage: str
    inherited: Variables
    variables: Variables
    script: list[str]
    before_script: list[str]
    after_script: list[str]
    when: str
    allow_failure: bool
    allow_failure_exit_codes: list[int] | None
    rules: list[Any] | None
    only: Any
    excepted: Any
    needs: list[Need] | None
    dependencies: list[str] | None
    parallel: Any
    options: dict[str, Any]


@dataclass(frozen=True)
class Config:
    """A whole configuration: its stages in order, variables, workflow, jobs and merged YAML."""

    stages: list[str]
    variables: Variables
    workflow: dict[str, Any]
    jobs: list[JobSpec]
    merged: dict[str, Any]
    includes: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class PlannedJob:
    """A job of one pipeline; `spec` is JSON and all that the runner needs to know."""

    name: str
    stage: str
    stage_index: int
    when: str
    allow_failure: bool
    allow_failure_exit_codes: list[int] | None
    needs: list[Need] | None
    dependencies: list[str] | None
    spec: dict[str, Any]
    group: str = ""


@dataclass(frozen=True)
class Plan:
    """What a pipeline will consist of."""

    jobs: list[PlannedJob]
    name: str | None = None
    auto_cancel: str = "conservative"
