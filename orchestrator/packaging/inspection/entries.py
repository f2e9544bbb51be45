"""Rules about entries of the zip itself: names, doubles, links, modes."""

from __future__ import annotations

import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from orchestrator.packaging.inspection.contents import BOOTSTRAP, Contents
from orchestrator.packaging.inspection.model import Rule
from orchestrator.packaging.inspection.problem import Problem
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.zip_directory import Member

# `create_system` of zips whose attributes hold a Unix mode (APPNOTE 4.4.2: Unix, OS X).
_WITH_MODES = {3, 19}
_LONGEST_SEGMENT_BYTES = 255  # NAME_MAX of Linux
_SURELY_SHORT = _LONGEST_SEGMENT_BYTES // 4
# Control characters, and the stand-ins for bytes that are no UTF-8.
_DRIVE = re.compile("[A-Za-z]:")
_NEVER = re.compile("[\x00-\x1f\x7f\udc80-\udcff]")


def check_entries(members: Sequence[Member], contents: Contents, target: Target) -> Iterator[Problem]:
    """Yield what is wrong with the entries, whatever is in them."""
    yield from _names(members)
    yield from _interpreters(contents, target)
    yield from _duplicates(members)
    for member in members:
        kind = stat.S_IFMT(member.mode)
        special = kind not in (0, stat.S_IFREG, stat.S_IFDIR) and (
            member.is_symlink or member.create_system in _WITH_MODES
        )
        if special:
            what = f"a link to `{contents.links.get(member.name, '?')}`" if member.is_symlink else "a special file"
            yield Problem(Rule.LINK, member.name, contents.links.get(member.name, "special"), what, "a regular file")
        else:
            yield from _mode(member, contents, target)


def _duplicates(members: Sequence[Member]) -> Iterator[Problem]:
    """Yield names that stand twice, and names that become one on macOS and Windows: there one file hides the other."""
    alike: dict[str, set[str]] = {}
    for name, count in Counter(member.name for member in members).items():
        if count > 1:
            yield Problem(Rule.DUPLICATE, name, name, f"the same name {count} times", "it once")
        alike.setdefault(_folded(name), set()).add(name)
    for names in alike.values():
        if len(names) > 1:
            first, *others = sorted(names)
            shown = ", ".join(f"{other!a}" for other in others[:3])
            yield Problem(Rule.DUPLICATE, first, first, f"a name that differs from {shown} in case or accents", "one")


def _folded(name: str) -> str:
    """Return what file systems that ignore case and composition take the name for."""
    name = name.removesuffix("/")
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name.casefold())


def _interpreters(contents: Contents, target: Target) -> Iterator[Problem]:
    """Check that the system finds what a script names in its first line, a line end of Windows included."""
    for name, line in contents.interpreters.items():
        if line.endswith(b"\r") and _is_program(name, contents, target):
            shown = line.rstrip(b"\r").decode("utf-8", "backslashreplace")
            observed = f"a first line `{shown}` that ends as on Windows, which Linux takes for a part of the name"
            yield Problem(Rule.CONTENT, name, "first line", observed, "lines that end with a newline only")


def _names(members: Sequence[Member]) -> Iterator[Problem]:
    files = {member.name for member in members if not member.is_directory}
    parents: set[str] = set()
    for member in members:
        if wrong := wrong_name(member.name):
            yield Problem(Rule.NAME, member.name, wrong, wrong, "a plain relative name")
        folder = member.name.rstrip("/").rpartition("/")[0]
        while folder and folder not in parents:
            parents.add(folder)
            folder = folder.rpartition("/")[0]
    for name in sorted(files & parents):
        yield Problem(
            Rule.NAME, name, "file and directory", "a file whose name other entries use as a directory", "one"
        )


def wrong_name(name: str) -> str:
    """Say what is wrong with the name of an entry, or nothing."""
    if name.startswith("/"):
        return "an absolute name"
    if _DRIVE.match(name):
        return "a name that begins with a drive letter"
    if "\\" in name:
        return "a backslash in a name, which Linux does not take for a separator"
    segments = name.removesuffix("/").split("/")
    if ".." in segments:
        return "a name that leaves the package"
    if "." in segments or "" in segments:
        return "a name with an empty part"
    if _NEVER.search(name):
        return "a name with characters that no name should have"
    if len(name) > _SURELY_SHORT and any(len(segment.encode()) > _LONGEST_SEGMENT_BYTES for segment in segments):
        return f"a name with a part of more than {_LONGEST_SEGMENT_BYTES} bytes"
    return ""


def _mode(member: Member, contents: Contents, target: Target) -> Iterator[Problem]:
    """Check what the user that runs the function may do, which is neither owner nor in the group of the files.

    Entries made on Windows have no mode; Lambda then gives 666, which is enough for all but programs
    (aws-sam-cli#2193, aws-lambda-go#13).
    """
    mode = stat.S_IMODE(member.mode) if member.create_system in _WITH_MODES else 0o666
    shown = f"mode {mode:03o}" if member.create_system in _WITH_MODES else "no mode, as zips made on Windows have it"
    if member.is_directory:
        if mode & 0o005 != 0o005 and member.create_system in _WITH_MODES:
            yield Problem(Rule.MODE, member.name, f"{mode:03o}", shown, "755")
    elif _is_program(member.name, contents, target):
        if mode & 0o005 != 0o005:
            yield Problem(Rule.MODE, member.name, f"{mode:03o}", f"{shown} of a program", "755")
    elif not mode & 0o004:
        yield Problem(Rule.MODE, member.name, f"{mode:03o}", shown, "644")


def _is_program(name: str, contents: Contents, target: Target) -> bool:
    elf = contents.elves.get(name)
    # Shared libraries that print their version when they are run have an interpreter, too.
    if elf is not None and elf.is_program and ".so" not in name.rpartition("/")[2]:
        return True
    return name == BOOTSTRAP and target.runtime.name.startswith("provided")
