"""Which requirements file a package has, decided by the list of files of its commit."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath

from orchestrator.config.model import AUTOMATIC, Package
from orchestrator.errors import ConfigurationError

CONVENTIONAL = "requirements.txt"


def requirements_file(name: str, package: Package, files: Collection[str]) -> str | None:
    """Return the requirements file of package `name`, relative to the repository, or None.

    `files` are the paths of the commit as `git ls-tree -r --name-only` gives them. Raises ConfigurationError
    when a file that was written down is not among them.
    """
    if package.requirements is None:
        return None
    if package.requirements == AUTOMATIC:
        candidates = (str(PurePosixPath(package.source, CONVENTIONAL)), CONVENTIONAL)
        return next((candidate for candidate in candidates if candidate in files), None)
    if package.requirements not in files:
        raise ConfigurationError(
            f"`packages.{name}.requirements` names a file that the commit does not have",
            detail=f"expected `{package.requirements}`, relative to the folder of orchestrator.yml",
            hint="correct the path or commit the file; `requirements: null` says that there is none",
        )
    return package.requirements
