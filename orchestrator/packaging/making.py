"""The story of one package: plan, bring, compile, assemble, inspect, try."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Assembled, Order
from orchestrator.packaging.documents.bundle import beside
from orchestrator.packaging.documents.input_digest import tree_digest
from orchestrator.packaging.documents.model import PackageFacts
from orchestrator.packaging.files import unwritable
from orchestrator.packaging.inspection.inspect import inspect, refuse_findings
from orchestrator.packaging.inspection.model import Inspection, Severity
from orchestrator.packaging.lock.download import bring
from orchestrator.packaging.lock.model import DependencyPlan, PlannedPackage, Verdict
from orchestrator.packaging.lock.plan import plan_dependencies, read_credentials, refuse_impossible
from orchestrator.packaging.lock.uv import Uv
from orchestrator.packaging.recipe import Bench, Recipe
from orchestrator.packaging.wheels.model import Wheel
from orchestrator.redaction import KNOWN


def make_package(recipe: Recipe, bench: Bench, package: Path, *, planned: DependencyPlan | None = None) -> PackageFacts:
    """Make `package`, which appears when it is whole, inspected and tried, and not before.

    `planned` is what `dependency_plan` gave for the same recipe, if it was asked before. Raises BuildFailed,
    ConfigurationError, MachineryError or Refused, each naming the culprit.
    """
    # They would stand in the manifest, in the provenance and in the entry of every wheel that is kept.
    for name, value in recipe.asked.environment.items():
        KNOWN.refuse(value, f"`environment: {name}` of the package")
    plan = planned or dependency_plan(recipe, bench)
    wheels = _wheels(plan, recipe, bench) if plan else ()
    # The digest is that of what was given: commands may write into their own sources.
    source_sha256 = tree_digest(recipe.sources)
    sources = (_custom(recipe, bench),) if recipe.output else recipe.sources
    with _unchecked(package) as zipped:
        assembled = assemble(_order(recipe, wheels, sources, (package, zipped.parent)), zipped)
        inspection = _checked(recipe, bench, zipped, assembled)
    return PackageFacts(
        package=package,
        kind=recipe.kind,
        target=recipe.target,
        assembled=assembled,
        wheels=wheels,
        plan=plan,
        inspection=inspection,
        asked=recipe.asked,
        source_sha256=source_sha256,
    )


def dependency_plan(recipe: Recipe, bench: Bench) -> DependencyPlan | None:
    """Return what each dependency needs, or None for a package without any."""
    if recipe.requirements is None:
        return None
    asked, directory = recipe.asked, bench.directory / "resolution"
    uv = Uv(bench.uv, directory, bench.cache, recipe.target, dict(asked.environment))
    return plan_dependencies(
        recipe.requirements, recipe.tree, recipe.here, recipe.target, uv, bench.narrate, pure=asked.allow_pure
    )


def _wheels(plan: DependencyPlan, recipe: Recipe, bench: Bench) -> tuple[Wheel, ...]:
    """Bring what the plan names, and compile what has no wheel."""
    refuse_impossible(plan)
    ready, to_compile = plan.having(Verdict.WHEEL), plan.having(Verdict.COMPILE)
    bench.narrate(f"{len(ready)} wheels, {len(to_compile)} to compile, for {plan.target}")
    locked = [package.file for package in (*ready, *to_compile) if package.file is not None]
    requirements = recipe.requirements or recipe.tree
    files = bring(locked, bench.cache, read_credentials(requirements, recipe.tree, recipe.here), bench.narrate)
    wheels = [_wheel(package, files) for package in ready]
    if to_compile:
        # What only some packages need is imported by those only: most of the time of a small package is imports.
        from orchestrator.packaging.compiling import compiled_wheels

        wheels += compiled_wheels(to_compile, files, recipe, bench)
    return tuple(sorted(wheels, key=lambda wheel: wheel.name))


def _wheel(package: PlannedPackage, files: dict[str, Path]) -> Wheel:
    assert package.file is not None  # noqa: S101 - the verdict WHEEL means that there is one
    file = package.file
    return Wheel(package.name, package.version, files[file.sha256], file.sha256, file.url or "")


def _custom(recipe: Recipe, bench: Bench) -> Path:
    from orchestrator.packaging.commands import run_commands
    from orchestrator.packaging.wheels.system_packages import install_system_packages

    asked, output = recipe.asked, recipe.output or recipe.tree
    install_system_packages(asked.system_packages, bench.narrate)
    return run_commands(
        asked.commands, source=recipe.here, output=output, environment=asked.environment, narrate=bench.narrate
    )


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
