"""Making a wheel from source on the target's own machine and Python."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import InvalidVersion, Version

from orchestrator.errors import BuildFailed, OrchestratorError
from orchestrator.packaging.lock.model import PlannedPackage
from orchestrator.packaging.lock.uv_failures import cache_failure
from orchestrator.packaging.process import Result, clean_environment, run
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.graft import Shop, graft
from orchestrator.packaging.wheels.interpreter import Interpreter, find_interpreter
from orchestrator.packaging.wheels.model import SystemLibrary, Wheel
from orchestrator.packaging.wheels.source_tree import native_evidence, prepare
from orchestrator.packaging.wheels.telling import Told, not_here
from orchestrator.packaging.wheels.wheel_file import WheelFile, read_wheel, write_wheel

# 1980-01-01, the earliest time that a zip can say; backends that write times take this one.
_EPOCH = "315532800"
_NEWEST_GLIBC_MINOR = 60


@dataclass(frozen=True)
class Workshop:
    """What compiling works with.

    `environment` is that of the package. `index` are uv's variables that say where requirements of build scripts come
    from (they may hold passwords), `no_index` tells that there is no index at all. `pure` names packages that may lack
    the machine code that their sources have. Nothing below `directory` is needed afterwards but the wheels, in
    `directory/wheels`.
    """

    target: Target
    directory: Path
    cache: Path
    uv: Path
    patchelf: Path
    narrate: Callable[[str], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    index: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_index: bool = False
    pure: frozenset[str] = frozenset()
    timeout_seconds: float = 3600


def compile_wheel(package: PlannedPackage, source: Path, workshop: Workshop) -> Wheel:
    """Build the sdist or the tree `source` into a wheel that is complete and fits the target.

    Where the target's machine or Python is not at hand, only what turns out to be pure Python is made. Raises
    BuildFailed (it does not compile, or gives the wrong thing), Refused (an archive that is not safe) and
    MachineryError (network, disk, time).
    """
    interpreter = find_interpreter(workshop.target)
    missing = "" if interpreter else lacking(workshop.target)
    place = workshop.directory / package.name
    project = prepare(source, place)
    evidence = native_evidence(project)
    if package.fallback:
        evidence = evidence or f"{package} has machine code on other targets"
    if missing and evidence:
        raise not_here(package, missing, evidence)
    workshop.narrate(f"building a wheel of {package} with {_described(interpreter)}")
    environment = build_environment(workshop, place)
    told = Told(package, workshop.target, project, (workshop.directory, workshop.cache))
    path, said = _build(package, project, place / "out", interpreter, workshop, environment, told)
    built = read_wheel(path)
    _check(package, built, workshop, missing)
    if evidence and built.is_pure and package.name not in workshop.pure:
        raise told.without_code(built.filename, evidence, said)
    shop = Shop(place / "graft", workshop.patchelf, environment)
    finished, libraries = graft(built, workshop.target, shop)
    path, sha256 = write_wheel(finished, workshop.directory / "wheels")
    shutil.rmtree(place, ignore_errors=True)
    if libraries:
        workshop.narrate(f"put into {package}: {', '.join(map(_brought, libraries))}")
    return Wheel(
        name=package.name,
        version=finished.version,
        path=path,
        sha256=sha256,
        url=(package.file and package.file.url) or "",
        compiled=True,
        source_sha256=package.file.sha256 if package.file else "",
        libraries=libraries,
    )


def lacking(target: Target) -> str:
    """Say why nothing can be compiled for the target here."""
    return target.foreign_machine() or f"this machine has no Python {target.runtime.python} (CPython, glibc)"


def build_environment(workshop: Workshop, place: Path) -> dict[str, str]:
    """Return the environment of build scripts: the package's own, no credentials, and no path that ends in the bytes.

    Our flags come first, so that those of the package win. Debugging information, which would hold paths of temporary
    directories, is left out; it has no reader in Lambda.
    """
    ours = f"-g0 {shlex.quote(f'-ffile-prefix-map={place}=.')}"
    fixed = {
        "SOURCE_DATE_EPOCH": _EPOCH,
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(workshop.cache),
    }
    environment = clean_environment({**fixed, **workshop.index, **workshop.environment})
    for name in ("CFLAGS", "CXXFLAGS"):
        environment[name] = f"{ours} {environment.get(name, '')}".strip()
    rust = f"--remap-path-prefix={place}=."
    environment["RUSTFLAGS"] = f"{rust} {environment.get('RUSTFLAGS', '')}".strip()
    return environment


def _build(
    package: PlannedPackage,
    project: Path,
    output: Path,
    interpreter: Interpreter | None,
    workshop: Workshop,
    environment: Mapping[str, str],
    told: Told,
) -> tuple[Path, str]:
    """Return the wheel, and what the build script has said."""
    python = interpreter.path if interpreter else Path(sys.executable)
    result = run(
        [
            *(workshop.uv, "build", "--wheel", "--out-dir", output, "--no-create-gitignore"),
            *("--python", python, "--no-python-downloads", "--no-progress"),
            *(("--no-index",) if workshop.no_index else ()),
            project,
        ],
        environment=environment,
        directory=output.parent,
        timeout_seconds=workshop.timeout_seconds,
    )
    if result.code:
        raise _failure(result, workshop, told)
    wheels = list(output.glob("*.whl"))
    if len(wheels) != 1:
        raise BuildFailed(
            f"the build of {package} left no wheel",
            detail=f"observed: {len(wheels)} wheels, expected: one",
            hint="choose another version",
        )
    return wheels[0], f"{result.output}\n{result.errors}"


def _failure(result: Result, workshop: Workshop, told: Told) -> OrchestratorError:
    unusable = cache_failure(result.errors, Path(workshop.environment.get("UV_CACHE_DIR", workshop.cache)))
    return unusable or told.failure(f"{result.output}\n{result.errors}")


def _check(package: PlannedPackage, wheel: WheelFile, workshop: Workshop, missing: str) -> None:
    """Raise BuildFailed unless the wheel is what was planned, and for the target."""
    if package.version and not same_version(wheel.version, package.version):
        raise BuildFailed(
            f"{package} says of itself that it is version {wheel.version}",
            detail=f"observed: {wheel.filename}\nexpected: version {package.version}, as its file and the lock say",
            hint="choose another version",
        )
    tags = {Tag(*parts) for parts in _products(wheel.tags)}
    if missing and not wheel.is_pure:
        raise not_here(package, missing, f"the result was {wheel.filename}")
    if not tags & _fitting(workshop.target):
        raise BuildFailed(
            f"the wheel of {package} is not for {workshop.target}",
            detail=f"observed: {wheel.filename}\nexpected: {workshop.target.abi_tag}, Linux, "
            f"{workshop.target.machine}, glibc",
            hint="check `environment:` of the package for settings of another Python or platform",
        )


def same_version(one: str, other: str) -> bool:
    """Tell whether two spellings, as of a file's name and of a lock, are one version."""
    try:
        return Version(one.replace("_", "+")) == Version(other)
    except InvalidVersion:
        return one == other


def _products(tags: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    python, abi, platform = (part.split(".") for part in tags)
    return [(one, two, three) for one in python for two in abi for three in platform]


def _fitting(target: Target) -> set[Tag]:
    """Return the tags that a fresh build for the target can have.

    `linux_*`, because nobody has audited it yet, and any `manylinux_*`, because backends tag with the machine's own
    level; what the code really needs is looked at in the code.
    """
    major, minor = (int(part) for part in target.python_version.split("."))
    machine = target.machine
    platforms = [f"linux_{machine}", *(f"manylinux_2_{level}_{machine}" for level in range(_NEWEST_GLIBC_MINOR, 4, -1))]
    platforms += [f"manylinux{name}_{machine}" for name in ("2014", "2010", "1")]
    native = cpython_tags((major, minor), [f"cp{major}{minor}"], platforms)
    return {*native, *compatible_tags((major, minor), f"cp{major}{minor}", platforms)}


def _brought(library: SystemLibrary) -> str:
    return f"{library.name} ({library.package} {library.version})" if library.package else library.name


def _described(interpreter: Interpreter | None) -> str:
    return f"Python {interpreter.version}" if interpreter else f"Python {sys.version.split()[0]}, as pure Python"
