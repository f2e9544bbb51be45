"""The files of the application, wherever they come from."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, Refused
from orchestrator.packaging.assembly.entries import Entry, on_disk
from orchestrator.packaging.assembly.model import Order

# Conservative on purpose: what a commit holds is packed, except what can have no meaning in a Lambda.
_LEFT_OUT_NAMES = {"__pycache__", ".git", ".hg", ".svn", ".DS_Store", ".venv", ".tox", ".nox", ".orchestrator"}
_LEFT_OUT_NAMES |= {".gitignore", ".gitattributes", ".gitmodules", ".gitlab-ci.yml", ".gitlab", ".github"}
_LEFT_OUT_NAMES |= {".mypy_cache", ".pytest_cache", ".ruff_cache", ".terraform", "node_modules"}
_BYTECODE = (".pyc", ".pyo")


def application_files(order: Order, output: Path) -> Iterator[Entry]:
    """Yield the files of the sources, links followed as long as they stay below the root and go in no circle.

    A function has them at the root. A layer has them below `python/`, unless the source has a directory `python`:
    then it is laid out as a layer already (`python/`, `lib/`, `bin/`). Files of a custom package stand as they are
    and nothing is left out. `output` is never packed. Raises ConfigurationError for a source that is not there,
    BuildFailed for links that lead nowhere and files that are none, Refused for links that leave the root.
    """
    part = output.with_name(f".{output.name}.part")
    ignored = {os.path.realpath(path) for path in (*order.ignored, output, part)}
    for source in order.sources:
        walk = _Walk((order.root or source).resolve(), ignored, as_it_is=order.kind == "custom")
        if source.is_dir():
            prefix = "python/" if order.kind == "layer" and not (source / "python").is_dir() else ""
            yield from walk.directory(source, (), prefix, "")
        elif source.is_file():
            yield from walk.one_file(source, "python/" if order.kind == "layer" else "")
        else:
            raise ConfigurationError(
                f"there is no file or directory {source.name!a}", hint="correct `source:` of the package"
            )


class _Walk:
    """One source, read in the order of its names."""

    def __init__(self, root: Path, ignored: set[str], *, as_it_is: bool) -> None:
        self._root = str(root)
        self._ignored = ignored
        self._ignored_names = {os.path.basename(path) for path in ignored}  # noqa: PTH119 - of strings
        self._as_it_is = as_it_is

    def directory(self, directory: Path, above: Sequence[str], prefix: str, shown: str) -> Iterator[Entry]:
        """Yield the files of a directory; `above` are the real paths of those it lies in."""
        real = os.path.realpath(directory)
        if real in above:
            raise BuildFailed(f"the link {_quoted(shown.rstrip('/'))} goes in a circle", hint="remove the link")
        self._check_inside(real, shown or directory.name)
        for item in _scan(directory):
            if self._is_left_out(item):
                continue
            name = shown + item.name
            if item.is_dir(follow_symlinks=False) or (item.is_symlink() and Path(item.path).is_dir()):
                yield from self.directory(Path(item.path), (*above, real), prefix, f"{name}/")
            else:
                if item.is_symlink():
                    self._check_inside(os.path.realpath(item.path), name)
                yield from self.file(Path(item.path), prefix, name)

    def one_file(self, path: Path, prefix: str) -> Iterator[Entry]:
        """Yield a source that is a file."""
        self._check_inside(os.path.realpath(path), path.name)
        yield from self.file(path, prefix, path.name)

    def file(self, path: Path, prefix: str, shown: str) -> Iterator[Entry]:
        """Yield one file."""
        try:
            status = path.stat()
        except FileNotFoundError:
            raise BuildFailed(f"the link {_quoted(shown)} leads nowhere", hint="remove the link") from None
        except OSError as error:
            detail = error.strerror or str(error)
            raise BuildFailed(f"{_quoted(shown)} cannot be read", detail=detail, hint="remove it") from None
        if not stat.S_ISREG(status.st_mode):
            raise BuildFailed(
                f"{_quoted(shown)} is no regular file",
                detail=f"observed: {stat.filemode(status.st_mode)}, expected: a file, a directory, or a link to one",
                hint="remove it, or build from a directory without it",
            )
        executable = bool(status.st_mode & 0o100)
        yield Entry(prefix + shown, executable, status.st_size, "", on_disk(path, status))

    def _is_left_out(self, item: os.DirEntry[str]) -> bool:
        if not self._as_it_is and (item.name in _LEFT_OUT_NAMES or item.name.endswith(_BYTECODE)):
            return True
        # Asking for the real path of every file would take longer than packing it.
        suspicious = item.name in self._ignored_names or item.is_symlink()
        return suspicious and os.path.realpath(item.path) in self._ignored

    def _check_inside(self, real: str, shown: str) -> None:
        if real != self._root and not real.startswith(self._root.rstrip("/") + "/"):
            raise Refused(
                f"the link {_quoted(shown.rstrip('/'))} leads out of the application",
                detail="observed: a file that is not part of it, expected: links that stay inside",
                hint="copy what is needed into the application",
            )


def _scan(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as items:
            return sorted(items, key=lambda item: item.name)
    except OSError as error:
        raise MachineryError(f"cannot read {directory.name!a}", detail=str(error)) from error


def _quoted(name: str) -> str:
    return f"`{name}`" if name.isprintable() else ascii(name)
