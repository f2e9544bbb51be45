"""The path patterns of CI files: Ruby's `fnmatch` for rules, doublestar for artifacts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=512)
def _ruby(pattern: str) -> re.Pattern[str]:
    return re.compile(_translate(pattern, final_double_star="[^/]*"), re.DOTALL)


@lru_cache(maxsize=512)
def _doublestar(pattern: str) -> re.Pattern[str]:
    return re.compile(_translate(pattern, final_double_star=".*"), re.DOTALL)


@lru_cache(maxsize=512)
def _include(pattern: str) -> re.Pattern[str]:
    # `configs/**.yml` of an include means every YAML file at any depth (docs: ci/yaml, include:local).
    return re.compile(_translate(pattern, final_double_star=".*", inner_double_star=".*"), re.DOTALL)


def matches_rule(pattern: str, paths: Iterable[str]) -> bool:
    """Tell whether `rules:changes`/`rules:exists` finds one of the paths."""
    compiled = _ruby(pattern.removeprefix("./"))
    return any(compiled.fullmatch(path) for path in paths)


def matches_artifact(pattern: str, path: str) -> bool:
    """Tell whether an artifact pattern takes a path, itself or as a directory above it."""
    compiled = _doublestar(pattern.removeprefix("./").rstrip("/"))
    parts = path.split("/")
    return any(compiled.fullmatch("/".join(parts[:count])) for count in range(len(parts), 0, -1))


def matches_include(pattern: str, paths: Iterable[str]) -> list[str]:
    """Return the paths that an `include:local` with a wildcard takes, in order."""
    compiled = _include(pattern.lstrip("/"))
    return sorted(path for path in paths if compiled.fullmatch(path))


def _translate(pattern: str, *, final_double_star: str, inner_double_star: str = "[^/]*") -> str:
    result, index, depth = "", 0, 0
    while index < len(pattern):
        rest = pattern[index:]
        if rest.startswith("**/") and (index == 0 or pattern[index - 1] in "/{,"):
            result, index = result + "(?:[^/]+/)*", index + 3
        elif rest.startswith("**"):
            result += final_double_star if rest == "**" else inner_double_star
            index += 2
        elif rest[0] == "[" and (length := _class_length(rest)):
            result, index = result + _class(rest[:length]), index + length
        elif rest[0] == "\\" and len(rest) > 1:
            result, index = result + re.escape(rest[1]), index + 2
        else:
            piece, depth = _single(rest, depth)
            result, index = result + piece, index + 1
    return result + ")" * depth


def _single(rest: str, depth: int) -> tuple[str, int]:
    character = rest[0]
    if character == "{" and "}" in rest:
        return "(?:", depth + 1
    if character == "}" and depth:
        return ")", depth - 1
    if character == "," and depth:
        return "|", depth
    return {"*": "[^/]*", "?": "[^/]"}.get(character) or re.escape(character), depth


def _class_length(rest: str) -> int:
    end = rest.find("]", 3 if rest[1:2] in {"!", "^"} else 2)
    return end + 1 if end > 0 else 0


def _class(text: str) -> str:
    inside = text[1:-1].replace("\\", "\\\\").replace("[", "\\[")
    if inside[0] in "!^":
        inside = "^" + inside[1:]
    try:
        re.compile(f"[{inside}]")
    except re.error:
        return re.escape(text)  # a range that runs backwards is no class
    return f"[{inside}]"


def is_pattern(path: str) -> bool:
    """Tell whether a path has wildcards at all."""
    return "*" in path
