"""Brings the packages of several builds home; one that cannot be had does not keep the others away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.plan.model import Plan
from orchestrator.stages.delivery import Delivered, place_of
from orchestrator.stages.postbuild import package_of

# What a person must look at comes first; what needs nobody comes last.
WORST_FIRST = (70, 5, 2, 3, 1, 4)


@dataclass(frozen=True)
class Brought:
    """What became of one build: its package, or why there is none."""

    package: str
    build_id: str
    delivered: Delivered | None
    error: OrchestratorError | None


def bring_together(
    plan: Plan, build_ids: Sequence[str], output: Path, bring: Callable[[str, Path], Delivered]
) -> Iterator[Brought]:
    """Bring the package of each build to a folder: `output` for the only one, else one below it, named as the package.

    `bring` is `postbuild` for a build id and a folder. Raises `Refused` for an id of another project before anything
    is brought; every other failure is told with its build.
    """
    packages = {build_id: package_of(plan, build_id).package for build_id in build_ids}
    for build_id, package in packages.items():
        try:
            delivered = bring(build_id, place_of(output, package, several=len(packages) > 1))
        except OrchestratorError as error:
            yield Brought(package, build_id, None, error)
        else:
            yield Brought(package, build_id, delivered, None)


def worst(errors: Iterable[OrchestratorError]) -> OrchestratorError | None:
    """Return the failure whose exit code several builds end with; the first one of its class, None for none."""
    return min(errors, key=lambda error: WORST_FIRST.index(error.exit_code), default=None)
