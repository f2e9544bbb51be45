"""Extracting a tar archive that nobody vouches for (CVE-2007-4559, CVE-2025-4517 and their kin)."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from orchestrator.errors import MachineryError, Refused

SIZE_LIMIT_BYTES = 4 * 1024**3
ENTRY_LIMIT = 500_000


def extract(tar: Path, target: Path) -> int:
    """Extract into `target`, which must not exist yet; return the number of files.

    Only directories, regular files and links that stay inside are written. Nothing is ever written through a
    link, because links are made after everything else. Raises Refused, and leaves nothing behind.
    """
    target.mkdir(parents=True)
    try:
        with tarfile.open(tar, "r:", encoding="utf-8", errors="surrogateescape") as archive:
            return _extract(archive, target)
    except tarfile.TarError as error:
        shutil.rmtree(target)
        raise Refused("the archive of the commit is damaged", detail=str(error)) from None
    except Refused:
        shutil.rmtree(target)
        raise
    except OSError as error:
        shutil.rmtree(target)
        raise MachineryError("cannot extract the commit", detail=str(error)) from error


def _extract(archive: tarfile.TarFile, target: Path) -> int:
    seen: set[PurePosixPath] = set()
    links: list[tuple[Path, str]] = []
    size = files = 0
    for count, member in enumerate(archive, 1):
        size += member.size
        if count > ENTRY_LIMIT or size > SIZE_LIMIT_BYTES:
            raise _refused(member, f"over {ENTRY_LIMIT} entries or {SIZE_LIMIT_BYTES} bytes", "a source tree")
        name = _checked_name(member)
        if name in seen and not member.isdir():
            raise _refused(member, "the name twice", "every name once")
        seen.add(name)
        path = target / name
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        files += 1
        if member.issym():
            links.append((path, member.linkname))
        else:
            _write(archive, member, path)
    _link(links, target)
    return files


def _checked_name(member: tarfile.TarInfo) -> PurePosixPath:
    if not (member.isreg() or member.isdir() or member.issym()):
        raise _refused(member, f"an entry of type {member.type!r}", "a file, a directory or a symbolic link")
    name = member.name
    parts = name.split("/")
    if not name or name.startswith("/") or "\0" in name or {"", ".", ".."} & set(parts):
        raise _refused(member, "a name that is not plainly inside", "a relative path without `..`")
    if parts[0].casefold() == ".git":
        raise _refused(member, "git's own directory", "files of the commit")
    return PurePosixPath(name)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None  # noqa: S101 - extractfile answers None only for what is not a file
    with source, path.open("xb") as output:
        shutil.copyfileobj(source, output, 1024 * 1024)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _link(links: list[tuple[Path, str]], target: Path) -> None:
    root = os.path.realpath(target)
    for path, text in links:
        if Path(text).is_absolute():
            raise _refused_link(path, text, target)
        path.symlink_to(text)
    for path, text in links:
        if os.path.commonpath([root, os.path.realpath(path)]) != root:
            raise _refused_link(path, text, target)


def _refused_link(path: Path, text: str, target: Path) -> Refused:
    return Refused(
        f"the commit has a link that leaves it: {path.relative_to(target).as_posix()!a}",
        detail=f"observed: a link to {text!a}, expected: a link to a file of the commit",
        hint="replace the link by the file itself",
    )


def _refused(member: tarfile.TarInfo, observed: str, expected: str) -> Refused:
    return Refused(
        f"the archive of the commit has an entry that is not safe: {member.name[:200]!a}",
        detail=f"observed: {observed}, expected: {expected}",
        hint="find out who stored the object",
    )
