"""From requirements to a plan: a lock is made for one target, and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.errors import BuildFailed
from orchestrator.packaging.lock.asking import Asking
from orchestrator.packaging.lock.document import Table, for_one_target, pylock_of, rendered, without_machine
from orchestrator.packaging.lock.files_of_lock import completed
from orchestrator.packaging.lock.index import Index
from orchestrator.packaging.lock.inputs import Inputs
from orchestrator.packaging.lock.judging import Judging
from orchestrator.packaging.lock.model import DependencyPlan, PlannedPackage, Verdict
from orchestrator.packaging.lock.resolution import Resolution
from orchestrator.packaging.lock.target_tags import marker_environment
from orchestrator.packaging.lock.uv import Uv
from orchestrator.packaging.runtimes import Target


def resolved_plan(
    inputs: Inputs,
    tree: Path,
    target: Target,
    uv: Uv,
    narrate: Callable[[str], None],
    allowed: frozenset[str],
    index: Index,
) -> DependencyPlan:
    """Return the plan of requirements that are no lock; `allowed` names whose pure-Python fallback may be taken.

    Raises what `plan_dependencies` raises.
    """
    asking = Asking(inputs, uv, index, inputs.wanted(marker_environment(target)))
    resolution = Resolution(asking, allowed, narrate)
    document = without_machine(resolution.run(), uv.directory, tree)
    if inputs.hashes:
        _refuse_gaps(document, resolution, inputs)
    document = completed(document, inputs, target, resolution.fallbacks, asking.evidence)
    text = rendered(for_one_target(document, target))
    judging = Judging(
        target,
        tree,
        asking.evidence,
        from_source=inputs.compiles,
        wheels_only=inputs.forbids_compiling,
        pure=allowed,
        fallbacks=resolution.fallbacks,
    )
    packages = judging.packages(pylock_of(for_one_target(document, target), inputs.name))
    return DependencyPlan(target, _with_impossible(packages, resolution.impossible), text, made=not inputs.hashes)


def _refuse_gaps(document: Table, resolution: Resolution, inputs: Inputs) -> None:
    """Raise BuildFailed if a file with hashes does not list what its own requirements require (as pip does)."""
    complete = resolution.asking.patiently(resolution.held, dependencies=True)
    if complete is None:
        resolution.narrate(f"`{inputs.name}` is taken as it is: its requirements do not agree with each other")
        return
    listed = {package["name"] for package in document["packages"]} | set(resolution.impossible)
    missing = sorted({package["name"] for package in complete.get("packages", ())} - listed)
    if missing:
        raise BuildFailed(
            f"`{inputs.name}` has hashes and does not list all: {', '.join(f'`{name}`' for name in missing)}",
            detail="observed: required by others in the file; expected: a line with a hash for each",
            hint="write the file anew with your lock tool",
        )


def _with_impossible(packages: tuple[PlannedPackage, ...], reasons: Mapping[str, str]) -> tuple[PlannedPackage, ...]:
    """Add what was put aside, and correct what only turned out later."""
    found = {package.name: package for package in packages}
    for name, reason in reasons.items():
        version = found[name].version if name in found else ""
        found[name] = PlannedPackage(name, version, Verdict.IMPOSSIBLE, reason)
    return tuple(found[name] for name in sorted(found))
