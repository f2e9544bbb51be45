"""Reads what `init` looks at: the files of a folder that can say something about a package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from orchestrator.discovery.tree import Tree

# A requirement file, a template or a module that is larger than this says nothing that a look could find.
_LIMIT_BYTES = 512 * 1024
_MOST_FILES = 20_000
_NAMES = {
    *("Dockerfile", "Pipfile", "pyproject.toml", "uv.lock", "pylock.toml", "samconfig.toml", "runtime.txt"),
    *(".python-version", ".tool-versions", ".gitignore"),
    *("template.yaml", "template.yml", "serverless.yml", "serverless.yaml"),
}
_ENDINGS = (".py", ".txt")
# What no repository means by its code; git leaves it out where `.gitignore` names it.
_SKIPPED = {".git", ".orchestrator", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache"}


def read_tree(folder: Path) -> Tree:
    """Return the files of a folder and of those below it; links, and what cannot be read as text, are left out."""
    files: dict[str, str] = {}
    for path in _paths(folder):
        if len(files) == _MOST_FILES:
            break
        name = PurePosixPath(path).name
        text = _text(folder / path) if name in _NAMES or name.endswith(_ENDINGS) else None
        if text is not None:
            files[path] = text
    return Tree(folder.resolve().name, files)


def _paths(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        yield from sorted((Path(here) / name).relative_to(folder).as_posix() for name in names)


def _text(path: Path) -> str | None:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LIMIT_BYTES:
            return None
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return None
