"""Artifacts: which files of a work tree are taken, how they are packed, and how they come back."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.emulator.gitlab.ci.globs import matches_artifact


def collect(root: Path, patterns: list[str], excluded: list[str]) -> tuple[list[str], list[str]]:
    """Return the paths below `root` that patterns take, and the patterns that took none.

    Directories count with all they hold; nothing outside of `root` is ever taken.
    """
    everything = list(_walk(root))
    taken: dict[str, None] = {}
    idle = []
    for pattern in patterns:
        relative = _relative(root, pattern)
        matched = [] if relative is None else [path for path in everything if _takes(relative, path)]
        taken.update(dict.fromkeys(matched))
        if not matched:
            idle.append(pattern)
    drop = [relative for pattern in excluded if (relative := _relative(root, pattern)) is not None]
    return [path for path in taken if not any(_takes(pattern, path) for pattern in drop)], idle


def _takes(pattern: str, path: str) -> bool:
    return pattern in {"", "."} or matches_artifact(pattern, path)


def _relative(root: Path, pattern: str) -> str | None:
    if pattern.startswith("/"):
        try:
            pattern = str(Path(pattern).relative_to(root))
        except ValueError:
            return None
    normal = os.path.normpath(pattern) if pattern else "."
    return None if normal == ".." or normal.startswith("../") else normal


def _walk(root: Path, below: str = "") -> Iterator[str]:
    for entry in sorted(os.scandir(root / below), key=lambda item: item.name):
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            if path != ".git":
                yield path
                yield from _walk(root, path)
        elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
            yield path


def pack(root: Path, paths: list[str], target: Path) -> int:
    """Write a zip file with modes and symbolic links kept; returns its size in bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".draft")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
        for path in paths:
            _add(archive, root / path, path)
    draft.replace(target)
    return target.stat().st_size


def _add(archive: zipfile.ZipFile, source: Path, name: str) -> None:
    mode = source.lstat().st_mode
    if stat.S_ISLNK(mode):
        link = zipfile.ZipInfo(name)
        link.create_system, link.external_attr = 3, mode << 16
        archive.writestr(link, str(source.readlink()).encode("utf-8", "surrogateescape"))
    else:
        archive.write(source, name)


def unpack(archive_path: Path, root: Path) -> None:
    """Bring artifacts into a work tree; an entry that would land outside of it is left out."""
    real_root = root.resolve()
    with zipfile.ZipFile(archive_path) as archive:
        for entry in archive.infolist():
            target = root / entry.filename
            parent = target.parent.resolve()
            if parent == real_root or parent.is_relative_to(real_root):
                _restore(archive, entry, target)


def _restore(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    mode = entry.external_attr >> 16
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.is_file():
        target.unlink()
    if stat.S_ISLNK(mode):
        target.symlink_to(archive.read(entry).decode("utf-8", "surrogateescape"))
        return
    with archive.open(entry) as source, target.open("wb") as sink:
        while block := source.read(1 << 20):
            sink.write(block)
    if stat.S_IMODE(mode):
        target.chmod(stat.S_IMODE(mode))
