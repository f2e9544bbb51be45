"""Locks that are in the repository already: read, checked for the target, never resolved again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.pylock import Pylock, PylockSelectError

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.lock.document import (
    Table,
    has_credentials,
    inside,
    pylock_of,
    rendered,
    toml_of,
    without_machine,
)
from orchestrator.packaging.lock.requirement_file import decode
from orchestrator.packaging.lock.target_tags import marker_environment
from orchestrator.packaging.runtimes import Target

if TYPE_CHECKING:
    from orchestrator.packaging.lock.uv import Uv


def read_lock(file: Path, tree: Path, uv: Uv) -> tuple[Table, bytes]:
    """Return the lock with paths relative to `tree`, and the text to keep.

    A `pylock.toml` is kept byte for byte (unless it holds a password), a `uv.lock` as uv exports it.
    Raises ConfigurationError (no such lock, not for this target), Refused (a path outside the tree).
    """
    inside(file, tree)
    if not file.is_file():
        raise ConfigurationError(f"`{file.name}` does not exist", hint="commit the file")
    if file.name == "uv.lock":
        exported = without_machine(toml_of(_exported(file, uv), file.name), file.parent, tree)
        return exported, rendered(exported)
    content = file.read_bytes()
    document = toml_of(decode(content, file.name), file.name)
    pylock_of(document, file.name)
    clean = without_machine(document, file.parent, tree)
    return clean, rendered(clean) if has_credentials(content) else content


def refuse_other_targets(lock: Pylock, target: Target, where: str) -> None:
    """Raise ConfigurationError if the lock says itself that it is for other Pythons or platforms (PEP 751)."""
    empty = Pylock(
        lock_version=lock.lock_version,
        environments=lock.environments,
        requires_python=lock.requires_python,
        created_by=lock.created_by,
        packages=[],
    )
    try:
        list(empty.select(environment=marker_environment(target), tags=[]))
    except PylockSelectError as error:
        raise ConfigurationError(
            f"`{where}` has nothing for {target}",
            detail=str(error),
            hint="lock for this Python and platform, too, or choose the runtime the lock is for",
        ) from None


def _exported(file: Path, uv: Uv) -> str:
    result = uv(
        *("export", "--format", "pylock.toml", "--frozen", "--no-emit-project", "--no-default-groups", "--no-header"),
        directory=file.parent,
        for_target=False,
    )
    if result.code:
        from orchestrator.packaging.lock.uv_failures import failure

        raise failure("`uv.lock` cannot be read", result.errors, uv)
    return result.output
