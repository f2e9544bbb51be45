"""A repository as it is looked at: the text of the files that can say something, and where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

# Folders whose code is nobody's function: tools, tests, what others have written, what was built.
_ASIDE = {
    *("test", "tests", "docs", "node_modules", "venv", "env", "site-packages", "dist-packages"),
    *("build", "dist", "cdk.out", "__pycache__", "__pypackages__"),
}


@dataclass(frozen=True)
class Found:
    """One thing that was found out, and how."""

    value: str
    why: str


@dataclass(frozen=True)
class Tree:
    """`files` is the text of the files that matter, by path from the top; `name` is what the top is called."""

    name: str
    files: Mapping[str, str]

    def named(self, *names: str) -> Iterator[str]:
        """Yield the paths of the files of these names, those near the top first."""
        wanted = set(names)
        found = [path for path in self.files if PurePosixPath(path).name in wanted]
        yield from sorted(found, key=lambda path: (path.count("/"), path))

    def beside(self, folder: str, name: str) -> str | None:
        """Return the path of a file of a folder, None if there is none."""
        path = str(PurePosixPath(folder, name))
        return path if path in self.files else None


def upwards(folder: str) -> Iterator[str]:
    """Yield a folder and the ones around it, up to the top, which is `.`."""
    here = PurePosixPath(folder)
    yield str(here)
    yield from (str(parent) for parent in here.parents if parent != here)


def folder_of(path: str) -> str:
    """Return the folder of a file, `.` for the top."""
    return str(PurePosixPath(path).parent)


def is_aside(path: str) -> bool:
    """Tell whether a file lies where no function is looked for."""
    folders = PurePosixPath(path).parts[:-1]
    return any(part.startswith(".") or part.lower() in _ASIDE for part in folders)
