"""What has no wheel: taken from the keep, or compiled here and kept."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

from orchestrator.packaging.lock.credentials import public
from orchestrator.packaging.lock.index import Places, index_variables_of, places_of
from orchestrator.packaging.lock.inputs import Inputs, is_lock, read_inputs
from orchestrator.packaging.lock.model import PlannedPackage
from orchestrator.packaging.process import SHAPING, clean_environment, run
from orchestrator.packaging.programs import program
from orchestrator.packaging.recipe import Bench, Recipe
from orchestrator.packaging.wheels.compile import Workshop, compile_wheel, same_version
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
    inputs = _inputs(recipe)
    lines = inputs.index if inputs else ()
    places = places_of(lines, os.environ)
    builder = _builder(recipe, bench, installed, places)
    workshop = Workshop(
        target=recipe.target,
        directory=bench.directory / "workshop",
        cache=bench.cache / "uv",
        uv=bench.uv,
        patchelf=program("patchelf"),
        narrate=bench.narrate,
        environment=asked.environment,
        index=index_variables_of(lines, inputs.insecure_hosts if inputs else (), os.environ),
        no_index=not places.indexes,
        pure=frozenset(asked.allow_pure),
    )
    wheels = []
    for package in packages:
        shaped = shape(
            package,
            recipe.target,
            asked.environment,
            _names(asked.system_packages),
            builder,
            pure=package.name in workshop.pure,
        )
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
    if kept is not None and _is_of(kept, package):
        workshop.narrate(f"{package} was compiled before, with the same inputs ({digest[:12]})")
        return kept
    if kept is not None:
        workshop.narrate(f"the kept wheel {digest[:12]} is passed over: it is {kept}, and not {package}")
    wheel = compile_wheel(package, _source(package, files, workshop), workshop)
    keep.put(digest, wheel, shaped)
    return wheel


def _is_of(wheel: Wheel, package: PlannedPackage) -> bool:
    same = canonicalize_name(wheel.name) == canonicalize_name(package.name)
    return same and (not package.version or same_version(wheel.version, package.version))


def _source(package: PlannedPackage, files: Mapping[str, Path], workshop: Workshop) -> Path:
    if package.file is not None:
        return files[package.file.sha256]
    assert package.source is not None  # noqa: S101 - a planned package has a file or a source
    if package.source.directory is not None:
        return package.source.directory
    workshop.narrate(f"fetching {package} at {package.source.commit}")
    return fetch_commit(package.source, workshop.directory / f"{package.name}-repository")


def _inputs(recipe: Recipe) -> Inputs | None:
    """Return what the package requires, for its indexes; a lock names none that build scripts could use."""
    if recipe.requirements is None or is_lock(recipe.requirements):
        return None
    return read_inputs(recipe.requirements, recipe.tree, recipe.here)


def _builder(recipe: Recipe, bench: Bench, installed: tuple[Installed, ...], places: Places) -> Builder:
    interpreter = find_interpreter(recipe.target)
    answer = run([bench.uv, "--version"], environment=clean_environment(), timeout_seconds=60)
    python = interpreter.version if interpreter else ""
    return Builder(
        image=bench.image,
        python=python,
        uv=answer.output.strip(),
        system=system_digest(),
        system_packages=installed,
        surroundings=_surroundings(os.environ),
        indexes=tuple(public(place).replace(str(recipe.tree), ".") for place in (*places.indexes, *places.links)),
    )


def _surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that shape a wheel; folders that have another name in each build go by their variable."""
    found = {name: environ[name] for name in (*SHAPING, "UV_EXCLUDE_NEWER") if environ.get(name)}
    for folder in ("TMPDIR", "CODEBUILD_SRC_DIR"):
        if place := environ.get(folder, "").rstrip("/"):
            found = {name: value.replace(f"{place}/", f"${folder}/") for name, value in found.items()}
    return found


def _names(asked: Asked) -> tuple[str, ...]:
    if isinstance(asked, Mapping):
        return tuple(f"{manager}:{name}" for manager, names in sorted(asked.items()) for name in sorted(names))
    return tuple(sorted(asked))
