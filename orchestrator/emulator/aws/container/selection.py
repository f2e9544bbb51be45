"""Which files an `artifacts` section means: patterns with `*`, `?`, `[...]` and `**`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath


def select(base: Path, patterns: Iterable[str], excluded: Iterable[str] = ()) -> list[PurePosixPath]:
    """Return the files below `base` that match a pattern and no excluded one, relative to it and sorted.

    A pattern that names a directory means everything in it; absolute patterns below `base` are allowed.
    """
    wanted = [_compile(base, pattern) for pattern in patterns if pattern]
    unwanted = [_compile(base, pattern) for pattern in excluded if pattern]
    return sorted(
        path
        for path in _files(base)
        if any(match.fullmatch(str(path)) for match in wanted)
        and not any(match.fullmatch(str(path)) for match in unwanted)
    )


def _files(base: Path) -> Iterator[PurePosixPath]:
    for directory, _, names in os.walk(base):
        for name in names:
            path = Path(directory, name)
            if path.is_file():
                yield PurePosixPath(path.relative_to(base).as_posix())


def _compile(base: Path, pattern: str) -> re.Pattern[str]:
    if Path(pattern).is_absolute():
        pattern = os.path.relpath(pattern, base)
    pattern = os.path.normpath(pattern)
    if (base / pattern).is_dir():
        pattern = "**/*" if pattern == "." else f"{pattern}/**/*"
    return re.compile(_translate(pattern), re.DOTALL)


def _translate(pattern: str) -> str:
    """Return a regular expression in which `*` stays within one directory and `**/` spans any number."""
    tokens = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    parts: list[str] = []
    for token in re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]/]+\]|.", pattern, re.DOTALL):
        if token in tokens:
            parts.append(tokens[token])
        elif len(token) > 1:
            parts.append("[" + token[1:-1].replace("\\", r"\\").replace("!", "^", token[1] == "!") + "]")
        else:
            parts.append(re.escape(token))
    return "".join(parts)
