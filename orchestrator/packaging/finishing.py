"""From wheels and files to the package: assemble, inspect, try."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Assembled, Order
from orchestrator.packaging.documents.places import beside
from orchestrator.packaging.files import unwritable
from orchestrator.packaging.inspection.inspect import inspect, refuse_findings
from orchestrator.packaging.inspection.model import Inspection, Severity
from orchestrator.packaging.recipe import Bench, Recipe
from orchestrator.packaging.wheels.model import Wheel


def finish(
    recipe: Recipe, bench: Bench, wheels: tuple[Wheel, ...], sources: tuple[Path, ...], package: Path
) -> tuple[Assembled, Inspection]:
    """Make `package`, which appears when it is whole, inspected and tried, and not before.

    Raises BuildFailed, ConfigurationError, MachineryError or Refused, each naming the culprit.
    """
    with _unchecked(package) as zipped:
        assembled = assemble(_order(recipe, wheels, sources, (package, zipped.parent)), zipped)
        return assembled, _checked(recipe, bench, zipped, assembled)


def _order(recipe: Recipe, wheels: tuple[Wheel, ...], sources: tuple[Path, ...], ours: tuple[Path, ...]) -> Order:
    asked = recipe.asked
    return Order(
        kind=recipe.kind,
        target=recipe.target,
        wheels=wheels,
        sources=sources,
        exclude=asked.exclude,
        bytecode=asked.bytecode,
        interpreter=_interpreter(recipe) if asked.bytecode else None,
        root=recipe.tree,
        ignored=(*ours, *beside(ours[0]), *recipe.ignored),
    )


def _interpreter(recipe: Recipe) -> Path | None:
    from orchestrator.packaging.wheels.interpreter import interpreter_of

    return interpreter_of(recipe.target)


def _checked(recipe: Recipe, bench: Bench, zipped: Path, assembled: Assembled) -> Inspection:
    """Inspect the finished zip, and try it; raises Refused or BuildFailed."""
    for note in assembled.notes:
        bench.narrate(note)
    inspection = inspect(
        zipped, recipe.target, layers=recipe.layers, allowed=recipe.asked.allow, origins=assembled.origins
    )
    for finding in inspection.findings:
        if finding.severity is Severity.WARNING:
            bench.narrate(f"warning: {finding}")
    for allowed in inspection.allowed:
        bench.narrate(f"allowed: {allowed.finding} ({allowed.reason})")
    refuse_findings(inspection, recipe.target)
    bench.narrate(f"inspected {inspection.files} files, {inspection.native_files} with machine code")
    modules = recipe.asked.smoke
    if modules:
        from orchestrator.packaging.smoke import smoke

        smoke(zipped, recipe.layers, recipe.kind, recipe.target, modules, bench.directory / "smoke")
        bench.narrate(f"imported {', '.join(modules)}")
    return inspection


@contextmanager
def _unchecked(package: Path) -> Iterator[Path]:
    """Give a file in a folder of its own beside `package`; without an error it becomes `package` at the end."""
    try:
        package.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".orchestrator-", dir=package.parent))
    except OSError as error:
        raise unwritable(package, error) from error
    try:
        yield folder / package.name
        (folder / package.name).replace(package)
    except OSError as error:
        raise unwritable(package, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
