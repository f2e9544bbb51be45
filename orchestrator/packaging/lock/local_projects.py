"""Turning what has no index behind it (directories, files, git repositories) into wheels, before resolving."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from orchestrator.errors import BuildFailed
from orchestrator.packaging.lock.requirement_file import Local, Requirements
from orchestrator.packaging.lock.uv import Uv, failure
from orchestrator.packaging.process import clean_environment, run

_VCS = ("git+", "hg+", "svn+", "bzr+")


def with_wheels(requirements: Requirements, uv: Uv) -> Requirements:
    """Return the requirements with a line for a wheel in place of every local or version-controlled one.

    A local directory may be built anywhere if the result is pure Python; its wheel's tag tells. What comes
    from version control may hold anything and is built on the target only. Raises BuildFailed.
    """
    wheelhouse = uv.workspace.resolution / "wheels"
    wheelhouse.mkdir(parents=True, exist_ok=True)
    lines = [_local(local, wheelhouse, uv) for local in requirements.local]
    lines += [_from_repository(line, wheelhouse, uv) if _is_vcs(line) else line for line in requirements.lines]
    return replace(requirements, lines=lines, local=[])


def _is_vcs(line: str) -> bool:
    return line.startswith(_VCS) or line.partition("@")[2].strip().startswith(_VCS)


def _local(local: Local, wheelhouse: Path, uv: Uv) -> str:
    if local.path.suffix == ".whl":
        wheel = wheelhouse / local.path.name
        shutil.copyfile(local.path, wheel)
        return _line(wheel, local)
    before = set(wheelhouse.iterdir())
    result = uv("build", "--wheel", "--no-create-gitignore", "--out-dir", wheelhouse, local.path, for_target=False)
    if result.code:
        raise failure(f"cannot build a wheel of `{local.path.name}`", result.errors, uv.workspace)
    return _line(_built(wheelhouse, before, local.path.name, uv), local)


def _from_repository(line: str, wheelhouse: Path, uv: Uv) -> str:
    if reason := uv.target.foreign():
        raise BuildFailed(
            "a requirement from version control has to be built on the target",
            detail=f"{line.partition('://')[0]}: {_without_credential(line)}\n{reason}",
            hint="publish a wheel, or build on an image of that architecture and Python",
        )
    before = set(wheelhouse.iterdir())
    requirement, _, marker = line.partition(" ;")
    result = run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--disable-pip-version-check"),
            *("--no-input", "--wheel-dir", wheelhouse, requirement),
        ],
        environment=clean_environment({"SOURCE_DATE_EPOCH": "315532800", "GIT_TERMINAL_PROMPT": "0", **uv.environment}),
        directory=uv.workspace.resolution,
    )
    if result.code:
        raise failure(f"cannot build `{_without_credential(line)}`", result.errors, uv.workspace)
    built = _built(wheelhouse, before, _without_credential(line), uv)
    return _line(built, Local(built, "", f"; {marker}" if marker else ""))


def _built(wheelhouse: Path, before: set[Path], name: str, uv: Uv) -> Path:
    made = sorted(path for path in set(wheelhouse.iterdir()) - before if path.suffix == ".whl")
    if not made:
        raise BuildFailed(f"the build of `{name}` left no wheel")
    reason = uv.target.foreign()
    if reason and not made[0].stem.endswith("-none-any"):
        raise BuildFailed(
            f"`{name}` holds compiled code and has to be built on the target",
            detail=f"observed: `{made[0].name}`\n{reason}",
            hint="build on an image of that architecture and Python",
        )
    return made[0]


def _line(wheel: Path, local: Local) -> str:
    name = wheel.name.partition("-")[0]
    return f"{name}{local.extras} @ ./wheels/{wheel.name} {local.marker}".strip()


def _without_credential(line: str) -> str:
    head, separator, rest = line.partition("://")
    return head + separator + rest.partition("@")[2] if "@" in rest.partition("/")[0] else line
