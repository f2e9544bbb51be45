"""Requirement files as people write them, read into one flat list (pip docs: requirements file format)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import ConfigurationError, Refused

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+|$)(.*)", re.DOTALL)
_HASH = re.compile(r"\s--hash[= ]")
_PER_REQUIREMENT = re.compile(r"\s--(global-option|install-option|config-settings?)\b")
_EXTRAS = re.compile(r"^(?P<path>[^\[;]+?)(?P<extras>\[[^\]]*\])?\s*(?P<marker>;.*)?$")
_NAMED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?\s*@\s*(?P<url>.+)$")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz")
_LONG = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url", "-f": "--find-links"}
_FOR_THE_INDEX = {"--index-url", "--extra-index-url", "--find-links", "--no-index"}
# What changes nothing here: uv prefers wheels anyway, and the rest died with old versions of pip.
_IGNORED = {
    *("--prefer-binary", "--use-feature", "--use-wheel", "--no-use-wheel", "--process-dependency-links", "-Z"),
    *("--always-unzip", "--allow-external", "--allow-unverified", "--allow-all-external", "--use-deprecated"),
}
_DEPTH_LIMIT = 20


@dataclass(frozen=True)
class Local:
    """A directory or file of the repository that is required: `.`, `-e ./lib[extra]`, `vendor/x.whl`."""

    path: Path
    extras: str
    marker: str


@dataclass
class Requirements:
    """The flat content of a requirement file and of all files that it names.

    `lines` and `constraints` are as uv takes them; `index` lines may hold credentials and stay out of locks.
    `hashed` is true if pip would be in its hash-checking mode: the file is a lock.
    """

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    index: list[str] = field(default_factory=list)
    local: list[Local] = field(default_factory=list)
    insecure_hosts: list[str] = field(default_factory=list)
    from_source: list[str] = field(default_factory=list)
    wheels_only: list[str] = field(default_factory=list)
    prereleases: bool = False
    hashed: bool = False


def read_requirements(file: Path, tree: Path, source: Path) -> Requirements:
    """Read `file` and what it includes; all of it must lie in `tree`.

    `source` is the package's own directory: what pip calls the current one. Raises ConfigurationError that
    names file and line.
    """
    found = Requirements()
    _Reader(found, tree.resolve(), source.resolve()).read(file, constraint=False, depth=0)
    return found


def decode(content: bytes, name: str) -> str:
    """Return the text: byte order mark, then coding comment, then UTF-8, as pip does."""
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "")
    comment = _CODING.search(b"\n".join(content.splitlines()[:2]))
    encoding = encoding or (comment[1].decode("ascii") if comment else "utf-8")
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError) as error:
        raise ConfigurationError(
            f"`{name}` cannot be read as text", detail=str(error), hint="save the file as UTF-8"
        ) from None


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers: continued lines joined, comments and empty lines gone."""
    first, parts = 0, list[str]()
    for number, physical in enumerate([*text.splitlines(), ""], 1):
        if parts and physical.lstrip().startswith("#"):
            continue
        first = first if parts else number
        if physical.endswith("\\") and not physical.lstrip().startswith("#"):
            parts.append(physical[:-1])
            continue
        joined = _COMMENT.sub("", "".join([*parts, physical])).strip()
        parts = []
        if joined:
            yield first, joined


class _Reader:
    def __init__(self, found: Requirements, tree: Path, source: Path) -> None:
        self._found, self._tree, self._source = found, tree, source

    def read(self, file: Path, *, constraint: bool, depth: int) -> None:
        name = self._inside(file, file.name)
        if depth > _DEPTH_LIMIT:
            raise ConfigurationError(f"`{name}` includes itself", hint="remove the `-r` or `-c` that goes in a circle")
        if not file.is_file():
            raise ConfigurationError(
                f"`{name}` does not exist", detail="expected: a requirement file of the commit", hint="commit the file"
            )
        for number, line in logical_lines(decode(file.read_bytes(), name)):
            where = f"{name}:{number}"
            if line.startswith("-"):
                self._option(line, file, where, constraint=constraint, depth=depth)
            else:
                self._requirement(line, file, where, constraint=constraint)

    def _option(self, line: str, file: Path, where: str, *, constraint: bool, depth: int) -> None:
        if line[1] != "-" and line[:2] in _LONG and line[2:3] not in ("", " ", "=", "\t"):
            line = f"{line[:2]} {line[2:]}"
        match = _OPTION.fullmatch(line)
        option, value = (match[1], match[2].strip()) if match else (line, "")
        option = _LONG.get(option, option)
        if option in ("--requirement", "--constraint"):
            self._include(value, file, constraint=constraint or option == "--constraint", depth=depth)
        elif option == "--editable":
            self._requirement(value, file, where, constraint=constraint)
        elif option in _FOR_THE_INDEX:
            self._index(option, value, file)
        elif not self._switch(option, value):
            raise ConfigurationError(
                f"`{option}` in a requirement file is not supported",
                detail=f"{where}: {option}",
                hint="remove the option",
            )

    def _switch(self, option: str, value: str) -> bool:
        """Take an option that is not about files or indexes; return False if it is unknown."""
        if option == "--pre":
            self._found.prereleases = True
        elif option == "--require-hashes":
            self._found.hashed = True
        elif option == "--trusted-host":
            self._found.insecure_hosts.append(value)
        elif option in ("--no-binary", "--only-binary"):
            found = self._found.from_source if option == "--no-binary" else self._found.wheels_only
            found += [name.strip() for name in value.split(",") if name.strip() != ":none:"]
        else:
            return option in _IGNORED
        return True

    def _include(self, value: str, file: Path, *, constraint: bool, depth: int) -> None:
        if "://" in value and not value.startswith("file:"):
            (self._found.constraints if constraint else self._found.lines).append(
                f"{'-c' if constraint else '-r'} {value}"
            )
            return
        self.read(file.parent / value.removeprefix("file://"), constraint=constraint, depth=depth + 1)

    def _index(self, option: str, value: str, file: Path) -> None:
        if option == "--find-links" and "://" not in value:
            value = str(self._place(value, file))
        self._found.index.append(f"{option} {value}".strip())

    def _requirement(self, line: str, file: Path, where: str, *, constraint: bool) -> None:
        if unsupported := _PER_REQUIREMENT.search(line):
            raise ConfigurationError(
                f"`--{unsupported[1]}` in a requirement file is not supported",
                detail=f"{where}: {line}",
                hint="set what the build needs in `environment:` of the package",
            )
        local = None if constraint else self._local(line, file, where)
        if local:
            self._found.local.append(local)
            return
        self._found.hashed |= not constraint and bool(_HASH.search(line))
        (self._found.constraints if constraint else self._found.lines).append(line)

    def _local(self, line: str, file: Path, where: str) -> Local | None:
        """Return what a line requires from the repository itself, or None if it is anything else."""
        named = _NAMED.match(line)
        text = named["url"] if named else line
        if not _is_path(text, named=bool(named)):
            return None
        match = _EXTRAS.match(_HASH.split(text)[0].partition("#egg=")[0].strip())
        if not match:
            return None
        place = self._place(match["path"].strip().removeprefix("file://").removeprefix("file:"), file)
        if not place.exists():
            raise ConfigurationError(
                "a required file or directory does not exist",
                detail=f"{where}: {line}",
                hint="commit it, or correct the path",
            )
        if place.is_dir() and not any((place / name).is_file() for name in ("pyproject.toml", "setup.py")):
            raise ConfigurationError(
                "a required directory is not a Python project",
                detail=f"{where}: {line}\nobserved: neither `pyproject.toml` nor `setup.py` in it",
                hint="add a `pyproject.toml`, or remove the line: the package's own files are packed without it",
            )
        extras = (named["extras"] if named else match["extras"]) or ""
        return Local(place, extras, (match["marker"] or "").strip())

    def _place(self, text: str, file: Path) -> Path:
        """Resolve a path as pip does (current directory), else beside the file, else at the top of the tree."""
        bases = (self._source, file.parent, self._tree)
        existing = [base / text for base in bases if (base / text).exists()]
        projects = [path for path in existing if path.is_file() or any(path.glob("pyproject.toml"))]
        projects += [path for path in existing if any(path.glob("setup.py"))]
        place = (projects or existing or [self._source / text])[0].resolve()
        self._inside(place, text)
        return place

    def _inside(self, path: Path, text: str) -> str:
        resolved = path.resolve()
        if resolved != self._tree and self._tree not in resolved.parents:
            raise Refused(
                f"`{text}` lies outside the repository",
                detail="expected: a path inside the commit",
                hint="keep what a package needs in its repository",
            )
        return resolved.relative_to(self._tree).as_posix()


def _is_path(text: str, *, named: bool) -> bool:
    """Tell a path from a name, as pip does: it begins with `.` or `/`, has a separator, or ends like an archive."""
    if text.startswith("file:"):
        return True
    if "://" in text.partition(";")[0] or (not named and "@" in text.partition("/")[0]):
        return False
    first = text.partition(";")[0].strip()
    return first.startswith((".", "/")) or "/" in first or first.endswith(_ARCHIVES)
