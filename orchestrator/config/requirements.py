"""Which file says what a package depends on, decided by the files of its commit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from orchestrator.config.package_model import AUTOMATIC, Package
from orchestrator.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# In this order: what is locked says more than what is only asked for. A pyproject.toml may be there for tools alone.
CONVENTIONAL = ("pylock.toml", "uv.lock", "requirements.txt")
PROJECT = "pyproject.toml"
Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Foreign:
    """Dependencies that only another tool reads: the file, the tool, and its command that writes them for all."""

    path: str
    tool: str
    remedy: str


# The file, the tool, the tables that lead to the dependencies, the remedy.
_FOREIGN = (
    (PROJECT, "Poetry", ("tool", "poetry", "dependencies"), "poetry export --output requirements.txt"),
    ("Pipfile", "Pipenv", ("packages",), "pipenv requirements > requirements.txt"),
)


def requirements_file(name: str, package: Package, read: Read) -> str | None:
    """Return the file that says what package `name` depends on, relative to orchestrator.yml, or None.

    `read` gives the content of a file below that folder, None if there is none. Raises ConfigurationError when a
    file that was written down is not there, and when `auto` finds dependencies that only another tool reads.
    """
    if package.requirements is None:
        return None
    if package.requirements == AUTOMATIC:
        folders = dict.fromkeys((package.source, "."))
        return next((found for folder in folders if (found := _found(name, folder, read)) is not None), None)
    if read(package.requirements) is None:
        raise ConfigurationError(
            f"`packages.{name}.requirements` names a file that the commit does not have",
            detail=f"expected `{package.requirements}`, relative to the folder of orchestrator.yml",
            hint="correct the path or commit the file; `requirements: null` says that there is none",
        )
    return package.requirements


def _found(name: str, folder: str, read: Read) -> str | None:
    file = conventional_file(folder, read)
    foreign = foreign_file(folder, read) if file is None else None
    if foreign is None:
        return file
    # A package without what it needs would fail where it runs, and not before.
    raise ConfigurationError(
        f"`packages.{name}` has dependencies that only {foreign.tool} reads",
        detail=f"observed in `{foreign.path}`\nexpected: {', '.join(CONVENTIONAL)}, or `[project]` in {PROJECT}",
        hint=f"`{foreign.remedy}` writes them for everybody; `requirements: null` packs none",
    )


def foreign_file(folder: str, read: Read) -> Foreign | None:
    """Return the file of a folder whose dependencies only another tool reads, or None."""
    for name, tool, tables, remedy in _FOREIGN:
        path = str(PurePosixPath(folder, name))
        if _table(read(path), tables).keys() - {"python"}:
            return Foreign(path, tool, remedy)
    return None


def conventional_file(folder: str, read: Read) -> str | None:
    """Return the file of a folder that says what is required, or None; `read` is that of `requirements_file`."""
    for candidate in (str(PurePosixPath(folder, name)) for name in CONVENTIONAL):
        if read(candidate) is not None:
            return candidate
    project = str(PurePosixPath(folder, PROJECT))
    return project if _has_dependencies(read(project)) else None


def _has_dependencies(content: bytes | None) -> bool:
    """Tell whether a pyproject.toml has dependencies to install (PyPA specification: pyproject.toml)."""
    return bool(_table(content, ("project",)).get("dependencies"))


def _table(content: bytes | None, names: tuple[str, ...]) -> dict[str, Any]:
    # What cannot be read has none that we could install; whoever names the file in orchestrator.yml hears why.
    try:
        table: Any = tomllib.loads((content or b"").decode())
    except ValueError:
        return {}
    for name in names:
        table = table.get(name) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}
