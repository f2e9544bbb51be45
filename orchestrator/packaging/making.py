"""The story of one package: plan, bring, compile, assemble, inspect, try."""

from __future__ import annotations

from pathlib import Path

from orchestrator.packaging.documents.input_digest import tree_digest
from orchestrator.packaging.documents.model import PackageFacts
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
    from orchestrator.packaging.finishing import finish

    assembled, inspection = finish(recipe, bench, wheels, sources, package)
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
    credentials = read_credentials(requirements, recipe.tree, recipe.here)
    files = bring(locked, bench.cache, credentials, bench.narrate, meanwhile=_load_the_rest)
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


def _load_the_rest() -> None:
    """Import what the wheels go through next: most of the time of a small package is imports."""
    import orchestrator.packaging.documents.bundle
    import orchestrator.packaging.finishing  # noqa: F401
