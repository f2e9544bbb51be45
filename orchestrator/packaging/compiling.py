"""What has no wheel: taken from the keep, or compiled here and kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from orchestrator.packaging.lock.model import PlannedPackage
from orchestrator.packaging.process import clean_environment, run
from orchestrator.packaging.programs import program
from orchestrator.packaging.recipe import Bench, Recipe
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.compile import Workshop, compile_wheel
from orchestrator.packaging.wheels.interpreter import find_interpreter
from orchestrator.packaging.wheels.keep import Builder, WheelKeep, keep_digest, shape
from orchestrator.packaging.wheels.model import Wheel
from orchestrator.packaging.wheels.repository import fetch_commit
from orchestrator.packaging.wheels.system_packages import Asked, Installed, install_system_packages, system_digest


def compiled_wheels(
    packages: Collection[PlannedPackage], files: Mapping[str, Path], recipe: Recipe, bench: Bench
) -> tuple[Wheel, ...]:
    """Return a wheel for each package; `files` are the sdists on this disk by sha256.

    The system packages of the recipe are installed first. Raises BuildFailed naming the package that does not
    compile, and why; ConfigurationError and MachineryError as installing does.
    """
    asked = recipe.asked
    installed = install_system_packages(asked.system_packages, bench.narrate)
    builder = _builder(recipe.target, bench, installed)
    workshop = Workshop(
        target=recipe.target,
        directory=bench.directory / "workshop",
        cache=bench.cache / "uv",
        uv=bench.uv,
        patchelf=program("patchelf"),
        narrate=bench.narrate,
        environment=asked.environment,
        pure=frozenset(asked.allow_pure),
    )
    wheels = []
    for package in packages:
        shaped = shape(package, recipe.target, asked.environment, _names(asked.system_packages), builder)
        wheels.append(_one(package, files, workshop, shaped, bench.keep))
    return tuple(wheels)


def _one(
    package: PlannedPackage,
    files: Mapping[str, Path],
    workshop: Workshop,
    shaped: Mapping[str, str] | None,
    keep: WheelKeep,
) -> Wheel:
    if shaped is None:
        return compile_wheel(package, _source(package, files, workshop), workshop)
    digest = keep_digest(shaped)
    kept = keep.get(digest)
    if kept is not None:
        workshop.narrate(f"{package} was compiled before, with the same inputs ({digest[:12]})")
        return kept
    wheel = compile_wheel(package, _source(package, files, workshop), workshop)
    keep.put(digest, wheel, shaped)
    return wheel


def _source(package: PlannedPackage, files: Mapping[str, Path], workshop: Workshop) -> Path:
    if package.file is not None:
        return files[package.file.sha256]
    assert package.source is not None  # noqa: S101 - a planned package has a file or a source
    if package.source.directory is not None:
        return package.source.directory
    workshop.narrate(f"fetching {package} at {package.source.commit}")
    return fetch_commit(package.source, workshop.directory / f"{package.name}-repository")


def _builder(target: Target, bench: Bench, installed: tuple[Installed, ...]) -> Builder:
    interpreter = find_interpreter(target)
    answer = run([bench.uv, "--version"], environment=clean_environment(), timeout_seconds=60)
    python = interpreter.version if interpreter else ""
    return Builder(bench.image, python, answer.output.strip(), system_digest(), installed)


def _names(asked: Asked) -> tuple[str, ...]:
    if isinstance(asked, Mapping):
        return tuple(f"{manager}:{name}" for manager, names in sorted(asked.items()) for name in sorted(names))
    return tuple(sorted(asked))
