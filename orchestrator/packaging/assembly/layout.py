"""Which file of which origin stands where in a package."""

from __future__ import annotations

import csv
import filecmp
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.errors import BuildFailed, ConfigurationError, Refused

# Conservative on purpose: what a commit holds is packed, except what can have no meaning in a Lambda.
_LEFT_OUT_NAMES = {"__pycache__", ".git", ".hg", ".svn", ".DS_Store", ".venv", ".tox", ".nox", ".orchestrator"}
_LEFT_OUT_NAMES |= {".gitignore", ".gitattributes", ".gitmodules", ".gitlab-ci.yml", ".gitlab", ".github"}
_LEFT_OUT_NAMES |= {".mypy_cache", ".pytest_cache", ".ruff_cache", ".terraform", "node_modules"}
_BYTECODE = (".pyc", ".pyo")
# Written by the installer: they say when and from which path something was installed, so they differ every time.
_INSTALLER_FILES = {"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}


@dataclass(frozen=True)
class Entry:
    """One file of a package: its name in the zip, and its content on disk or in memory."""

    name: str
    executable: bool
    path: Path | None = None
    content: bytes = b""


@dataclass(frozen=True)
class Layout:
    """The files of a package, sorted by name, and the notes about what was left out."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


def lay_out(kind: str, source: Path, dependencies: Path | None) -> Layout:
    """Return the layout: a function has everything at the root, a layer below `python/`.

    Raises BuildFailed when a source file would overwrite another file of a dependency.
    """
    prefix = "python/" if kind == "layer" else ""
    notes: list[str] = []
    entries = {entry.name: entry for entry in _installed(dependencies, prefix, notes)} if dependencies else {}
    if not source.is_dir():
        raise ConfigurationError(
            f"`{source.name}` is not a directory of the commit", hint="correct `source:` of the package"
        )
    for path, relative in _files(source, source.resolve(), ()):
        entry = _entry(f"{prefix}{relative}", path)
        other = entries.get(entry.name)
        if other and not _same(entry, other):
            raise BuildFailed(
                f"`{relative}` of the commit would overwrite a file of a dependency",
                detail=f"observed: two different files for `{entry.name}`",
                hint="rename the file of the commit, or remove the dependency",
            )
        entries[entry.name] = entry
    if not entries:
        raise BuildFailed("the package would be empty", hint="check `source:` and `requirements:` of the package")
    _check_prefixes(entries)
    return Layout(tuple(entries[name] for name in sorted(entries)), tuple(notes))


def _installed(directory: Path, prefix: str, notes: list[str]) -> Iterator[Entry]:
    """Yield the files of the dependencies, without what only makes sense on the machine that installed them."""
    kept: dict[str, Path] = {}
    launchers = 0
    for path, relative in _walk(directory):
        parts = PurePosixPath(relative).parts
        if _is_bytecode(parts) or relative == ".lock" or _is_installer_file(parts):
            continue
        if parts[0] == "bin" and _is_python_script(path):
            continue
        if path.suffix == ".exe":
            launchers += 1
            continue
        kept[relative] = path
    if launchers:
        notes.append(f"left out {launchers} Windows programs (`*.exe`) of dependencies")
    for relative, path in kept.items():
        if relative.endswith(".dist-info/RECORD"):
            yield Entry(f"{prefix}{relative}", executable=False, content=_record(path, kept))
        else:
            yield _entry(f"{prefix}{relative}", path)


def _is_bytecode(parts: tuple[str, ...]) -> bool:
    return "__pycache__" in parts or parts[-1].endswith(_BYTECODE)


def _is_installer_file(parts: tuple[str, ...]) -> bool:
    return len(parts) == 2 and parts[0].endswith(".dist-info") and parts[1] in _INSTALLER_FILES


def _is_python_script(path: Path) -> bool:
    """Tell a script whose first line names the Python of this machine; no Lambda has it there."""
    with path.open("rb") as file:
        head = file.read(512)
    # A shebang too long for the kernel stands in the second line, behind `#!/bin/sh`.
    return head.startswith(b"#!") and b"python" in b"".join(head.splitlines()[:2])


def _record(path: Path, kept: dict[str, Path]) -> bytes:
    """Return the RECORD with a line for exactly the files that are packed, sorted."""
    rows = sorted(row for row in csv.reader(path.read_text(encoding="utf-8").splitlines()) if row and row[0] in kept)
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerows(rows)
    return output.getvalue().encode()


def _files(directory: Path, root: Path, above: tuple[Path, ...], prefix: str = "") -> Iterator[tuple[Path, str]]:
    """Yield the files of the commit; links are followed, as long as they stay in it and go in no circle."""
    real = directory.resolve()
    if real in above:
        raise BuildFailed(f"the link `{prefix.rstrip('/')}` goes in a circle", hint="remove the link")
    for item in sorted(os.scandir(directory), key=lambda item: item.name):
        if item.name in _LEFT_OUT_NAMES or item.name.endswith(_BYTECODE):
            continue
        path = Path(item.path)
        relative = prefix + item.name
        if item.is_symlink() and not path.exists():
            raise BuildFailed(f"the link `{relative}` leads nowhere", hint="remove the link")
        if item.is_dir():
            yield from _files(path, root, (*above, real), f"{relative}/")
        else:
            yield path, relative


def _walk(directory: Path) -> Iterator[tuple[Path, str]]:
    for folder, folders, files in os.walk(directory):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            yield path, path.relative_to(directory).as_posix()


def _entry(name: str, path: Path) -> Entry:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Refused(f"a file name is not UTF-8: {name!a}", hint="rename the file") from None
    return Entry(name, executable=bool(path.stat().st_mode & 0o100), path=path)


def _same(left: Entry, right: Entry) -> bool:
    if left.path and right.path:
        return filecmp.cmp(left.path, right.path, shallow=False)
    content = [entry.path.read_bytes() if entry.path else entry.content for entry in (left, right)]
    return content[0] == content[1]


def _check_prefixes(entries: dict[str, Entry]) -> None:
    """Refuse a file that stands where another file needs a directory."""
    for name in entries:
        for parent in PurePosixPath(name).parents:
            if parent.as_posix() in entries:
                raise BuildFailed(
                    f"`{parent.as_posix()}` is a file and a directory", hint="rename the file or the directory"
                )
