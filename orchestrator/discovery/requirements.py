"""What a package asks for by name, as far as a quick look can tell; the lock of the build is what decides."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from orchestrator.config.requirements import CONVENTIONAL, PROJECT, conventional_file, foreign_file
from orchestrator.discovery.tree import Tree, folder_of
from orchestrator.packaging.lock.requirement_file import logical_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")
_SOURCE = re.compile(r"--no-binary[ =]+(\S+)")
# A file of this kind that is not called `requirements.txt`; those of people's tools are nobody's dependencies.
_LIKE = re.compile(r"(?:.*[-_.])?requirements?(?:[-_.].*)?\.txt|requirements?/[^/]*\.txt")
_TOOLS = re.compile(r"(?:^|[-_./])(?:dev|devel|development|test|tests|testing|lint|docs?|ci|build|tools?)(?:[-_./]|$)")
_DEPTH_LIMIT = 10


@dataclass(frozen=True)
class Asked:
    """Names of distributions as indexes spell them, and which of them are to be compiled whatever wheels there are."""

    names: frozenset[str]
    from_source: frozenset[str]

    def compiled(self, name: str) -> bool:
        """Tell whether wheels of a distribution are not wanted."""
        return name in self.from_source or ":all:" in self.from_source


def file_of(tree: Tree, folder: str) -> str | None:
    """Return the file of a folder that says what is required; None if there is none."""
    known = conventional_file(folder, lambda path: _bytes(tree, path))
    return known or next(_unconventional(tree, folder), None)


def unread(tree: Tree, folder: str) -> str | None:
    """Say which file of a folder asks for packages where nobody here reads it, and what helps; None if none does."""
    foreign = foreign_file(folder, lambda path: _bytes(tree, path))
    if foreign:
        return f"`{foreign.path}` asks for some, but only {foreign.tool} reads that: `{foreign.remedy}`"
    path = tree.beside(folder, "setup.py")
    if path and "install_requires" in tree.files[path]:
        return f"`{path}` asks for some, but only setuptools reads that: write them into requirements.txt"
    return None


def is_conventional(path: str) -> bool:
    """Tell whether `requirements: auto` finds the file in its folder."""
    return PurePosixPath(path).name in (*CONVENTIONAL, PROJECT)


def asked(tree: Tree, path: str) -> Asked:
    """Return what a file asks for, with the requirement files that it includes."""
    if path.endswith(".txt"):
        lines = list(_lines(tree, path, 0))
        names = {_normal(found[0]) for line in lines if (found := _NAME.match(line)) and not line.startswith("-")}
        source = {word for line in lines for found in _SOURCE.findall(line) for word in found.split(",")}
        return Asked(frozenset(names), frozenset(word if word.startswith(":") else _normal(word) for word in source))
    return Asked(frozenset(_normal(name) for name in _of_document(tree.files[path])), frozenset())


def _lines(tree: Tree, path: str, depth: int) -> Iterator[str]:
    if path not in tree.files or depth > _DEPTH_LIMIT:
        return
    for _, line in logical_lines(tree.files[path]):
        included = _INCLUDE.match(line)
        if included:
            yield from _lines(tree, _joined(folder_of(path), included[1]), depth + 1)
        else:
            yield line


def _joined(folder: str, path: str) -> str:
    parts: list[str] = []
    for part in PurePosixPath(folder, path).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return str(PurePosixPath(*parts))


def _unconventional(tree: Tree, folder: str) -> Iterator[str]:
    beside = {path: path[len(folder) + 1 :] if folder != "." else path for path in tree.files}
    found = [path for path, name in beside.items() if path.startswith("" if folder == "." else f"{folder}/")
             and _LIKE.fullmatch(name.lower()) and not _TOOLS.search(name.lower())]  # fmt: skip
    yield from sorted(found, key=lambda path: (len(path), path))


def _of_document(text: str) -> list[str]:
    """Return the names in a pyproject.toml, uv.lock or pylock.toml."""
    try:
        document: Any = tomllib.loads(text)
        locked = document.get("package", document.get("packages", []))
        listed = document.get("project", {}).get("dependencies", [])
        return [str(item["name"]) for item in locked] + [
            found[0] for line in listed if (found := _NAME.match(str(line)))
        ]
    except (ValueError, AttributeError, KeyError, TypeError):
        return []


def _bytes(tree: Tree, path: str) -> bytes | None:
    return tree.files[path].encode("utf-8", "surrogatepass") if path in tree.files else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
