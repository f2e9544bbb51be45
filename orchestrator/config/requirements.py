"""Which file says what a package depends on, decided by the files of its commit."""

from __future__ import annotations

import sys
from collections.abc import Callable
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


def requirements_file(name: str, package: Package, read: Callable[[str], bytes | None]) -> str | None:
    """Return the file that says what package `name` depends on, relative to orchestrator.yml, or None.

    `read` gives the content of a file below that folder, None if there is none. Raises ConfigurationError when a
    file that was written down is not there.
    """
    if package.requirements is None:
        return None
    if package.requirements == AUTOMATIC:
        folders = dict.fromkeys((package.source, "."))
        return next((found for folder in folders if (found := conventional_file(folder, read)) is not None), None)
    if read(package.requirements) is None:
        raise ConfigurationError(
            f"`packages.{name}.requirements` names a file that the commit does not have",
            detail=f"expected `{package.requirements}`, relative to the folder of orchestrator.yml",
            hint="correct the path or commit the file; `requirements: null` says that there is none",
        )
    return package.requirements


def conventional_file(folder: str, read: Callable[[str], bytes | None]) -> str | None:
    """Return the file of a folder that says what is required, or None; `read` is that of `requirements_file`."""
    for candidate in (str(PurePosixPath(folder, name)) for name in CONVENTIONAL):
        if read(candidate) is not None:
            return candidate
    project = str(PurePosixPath(folder, PROJECT))
    return project if _has_dependencies(read(project)) else None


def _has_dependencies(content: bytes | None) -> bool:
    """Tell whether a pyproject.toml has dependencies to install (PyPA specification: pyproject.toml)."""
    try:
        document: Any = tomllib.loads((content or b"").decode())
        return bool(document.get("project", {}).get("dependencies"))
    except (ValueError, AttributeError):
        # What cannot be read has none that we could install; whoever names the file in orchestrator.yml hears why.
        return False
