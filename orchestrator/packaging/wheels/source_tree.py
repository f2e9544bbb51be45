"""Source trees that are about to be compiled: unpacked or copied, and looked at for machine code to come."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from orchestrator.errors import BuildFailed, MachineryError, Refused
from orchestrator.packaging.wheels.wheel_file import DAMAGED

_SIZE_LIMIT_BYTES = 2 * 1024**3
_ENTRY_LIMIT = 200_000
# All others come from what is in the archive: a name that is too long, a file where a directory has to be.
_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_NATIVE_SUFFIXES = {".c", ".cc", ".cpp", ".cxx", ".pyx", ".rs", ".f", ".f90", ".f77", ".for", ".s", ".go", ".zig"}
# What lies here is not what the package is made of.
_BESIDE = {"test", "tests", "testing", "example", "examples", "doc", "docs", "benchmark", "benchmarks", ".git"} | {
    *("demo", "demos", "googletest"),
}
# How the build files of the usual backends say that there is something to compile.
_DECLARED = {
    "setup.py": re.compile(r"\b(?:ext_modules|cffi_modules|rust_extensions|cythonize|Extension|CMakeExtension)\b"),
    "setup.cfg": re.compile(r"^\s*ext_modules\s*=", re.MULTILINE),
    "pyproject.toml": re.compile(
        r"^\s*build-backend\s*=\s*[\"'](?:maturin|mesonpy|scikit_build_core|skbuild|py_build_cmake|sipbuild|enscons)"
        r"|^\s*\[\[tool\.setuptools\.ext-modules\]\]|^\s*ext-modules\s*=|^\s*\[\[?tool\.setuptools-rust"
        r"|^\s*\[tool\.hatch\.build\.(?:targets\.wheel\.)?hooks\.(?:cython|mypyc|cmake|scikit)",
        re.MULTILINE,
    ),
}
# Variables that switch machine code on; those that switch it off, such as SKIP_CYTHON, help nobody.
_VARIABLE = re.compile(
    r"""(?:environ(?:\.get\(|\[)|getenv\()\s*["']([A-Z][A-Z0-9_]+)["']|["']([A-Z][A-Z0-9_]+)["']\s+in\s+os\.environ"""
)
_SWITCHES_ON = re.compile(r"(?:^|_)(?:USE|ENABLE|WITH|FORCE|REQUIRE|INSTALL)_")
_HOOK_OFF = re.compile(
    r"^\[tool\.hatch\.build\.(?:targets\.wheel\.)?hooks\.\w+\]\s*(?:[^\[]*\n)?enable-by-default\s*=\s*false", re.M
)
_CLASSIFIER = re.compile(r"^Classifier: Programming Language :: Python :: ([0-9]+\.[0-9]+)\s*$", re.MULTILINE)


def prepare(source: Path, target: Path) -> Path:
    """Unpack the sdist, or copy the tree, into `target`, which is made anew; return the project's directory.

    A copy, because build scripts leave files behind. Raises Refused for an archive that reaches outside, BuildFailed
    for one that is no sdist or is damaged, MachineryError when the disk is full.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    try:
        if source.is_dir():
            return Path(shutil.copytree(source, target / "source", symlinks=True))
        if zipfile.is_zipfile(source):
            _unzip(source, target)
        else:
            _untar(source, target)
    except shutil.Error as error:
        raise MachineryError(f"cannot copy `{source.name}`", detail=str(error)[:2000]) from error
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            raise MachineryError(
                f"cannot unpack `{source.name}`", detail=str(error), hint="free some disk space"
            ) from error
        detail = f"{type(error).__name__}: {str(error).replace(f'{target}/', '')[:500]}"
        raise BuildFailed(f"`{source.name}` is damaged", detail=detail, hint="choose another version") from None
    found = [path for path in target.iterdir() if path.is_dir()]
    if len(found) != 1:
        raise BuildFailed(
            f"`{source.name}` is no source distribution",
            detail=f"observed: {len(found)} directories at its root, expected: one, with the project",
            hint="choose another version",
        )
    return found[0]


def native_evidence(project: Path) -> str:
    """Say why this source must give machine code, or nothing if that is not clear.

    Both must be there: sources of a compiled language, and a build file that declares something to compile.
    """
    declared = next((name for name, pattern in _DECLARED.items() if pattern.search(_text(project / name))), "")
    if not declared and (project / "Cargo.toml").is_file():
        declared = "Cargo.toml"
    if not declared:
        return ""
    sources = sorted(_native_sources(project))
    return f"{declared} declares something to compile, such as {sources[0]}" if sources else ""


def switches(project: Path) -> tuple[str, ...]:
    """Return the variables that its build files read and that switch machine code on, as their names say."""
    found = (one or other for one, other in _VARIABLE.findall(_text(project / "setup.py")))
    names = dict.fromkeys(name for name in found if _SWITCHES_ON.search(name))
    hook = ("HATCH_BUILD_HOOKS_ENABLE",) if _HOOK_OFF.search(_text(project / "pyproject.toml")) else ()
    return (*hook, *names)


def named_pythons(project: Path) -> tuple[str, ...]:
    """Return the minor versions of Python that the metadata of an sdist names, oldest first."""
    found = set(_CLASSIFIER.findall(_text(project / "PKG-INFO")))
    return tuple(sorted(found, key=lambda version: [int(part) for part in version.split(".")]))


def _native_sources(project: Path) -> Iterator[str]:
    for directory, folders, names in os.walk(project):
        folders[:] = [folder for folder in folders if folder.lower() not in _BESIDE]
        for name in names:
            if Path(name).suffix.lower() in _NATIVE_SUFFIXES:
                yield Path(directory, name).relative_to(project).as_posix()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _untar(source: Path, target: Path) -> None:
    size = 0
    links: list[tuple[Path, str]] = []
    with tarfile.open(source, "r:*", errors="surrogateescape") as archive:
        for count, member in enumerate(archive, 1):
            size += member.size
            name = _checked(source, member.name, count, size)
            path = target / name
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.issym():
                links.append((path, member.linkname))
            elif content := archive.extractfile(member):
                with content, path.open("wb") as output:
                    shutil.copyfileobj(content, output, 1024 * 1024)
                path.chmod(0o755 if member.mode & 0o100 else 0o644)
                os.utime(path, (member.mtime, member.mtime))
    _link(source, links, target)


def _unzip(source: Path, target: Path) -> None:
    size = 0
    with zipfile.ZipFile(source) as archive:
        for count, info in enumerate(archive.infolist(), 1):
            size += info.file_size
            path = target / _checked(source, info.filename.rstrip("/"), count, size)
            if info.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as content, path.open("wb") as output:
                shutil.copyfileobj(content, output, 1024 * 1024)
            path.chmod(0o755 if info.external_attr >> 16 & 0o100 else 0o644)


def _link(source: Path, links: list[tuple[Path, str]], target: Path) -> None:
    """Make the links last, so that nothing is ever written through one; none may leave the tree."""
    root = os.path.realpath(target)
    for path, text in links:
        aim = os.path.normpath(path.parent / text)
        if Path(text).is_absolute() or os.path.commonpath([root, os.path.realpath(aim)]) != root:
            raise _refused(source, path.name, f"a link to {text[:200]!a}")
        path.unlink(missing_ok=True)
        path.symlink_to(text)


def _checked(source: Path, name: str, count: int, size: int) -> PurePosixPath:
    if count > _ENTRY_LIMIT or size > _SIZE_LIMIT_BYTES:
        raise _refused(source, name, f"over {_ENTRY_LIMIT} entries or {_SIZE_LIMIT_BYTES} bytes")
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise _refused(source, name, "a name that is not plainly inside")
    return path


def _refused(source: Path, name: str, observed: str) -> Refused:
    return Refused(
        f"`{source.name}` has an entry that is not safe: {name[:200]!a}",
        detail=f"observed: {observed}, expected: files and links that stay inside",
        hint="find out who published it",
    )
