"""Regular expressions of CI files: GitLab's RE2 never runs away, so `re` must not either.

A search that could take long is done by another process, which is given up after a second.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import lru_cache

_LONGEST_PATTERN = 2000
_STEPS_AT_ONCE = 10_000_000
_SEARCH_SECONDS = 1.0
_ANY = r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|"  # an escape or a class, to step over
_NOT_IN_RE2 = re.compile(_ANY + r"(?P<found>\(\?(?:[=!>(]|<[=!]|P=|P>))", re.DOTALL)
_REPEATS = re.compile(_ANY + r"(?P<group>\)[*+{])|(?P<single>[*+{])", re.DOTALL)
_WORKER = """\
import json, re, sys
pattern, flags, text = json.load(sys.stdin)
print(re.compile(pattern, flags).search(text) is not None)
"""


class BadPattern(Exception):
    """The regular expression cannot be used; the text says why, as the end of a sentence."""


@lru_cache(maxsize=512)
def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    r"""Return the compiled pattern; raise BadPattern for what RE2 refuses (look-around, `\1`) or `re` does."""
    if len(pattern) > _LONGEST_PATTERN:
        raise BadPattern(f"is longer than {_LONGEST_PATTERN} characters")
    found = any(match["found"] for match in _NOT_IN_RE2.finditer(pattern))
    if found or re.search(r"(?<!\\)(?:\\\\)*\\[1-9]", pattern):
        raise BadPattern("uses what RE2 does not have: look-around or back-references")
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as problem:
        raise BadPattern("is invalid") from problem


def found(expression: re.Pattern[str], text: str) -> bool:
    """Tell whether the expression matches somewhere in the text; raise BadPattern when that takes too long."""
    if _steps(expression.pattern, len(text)) <= _STEPS_AT_ONCE:
        return expression.search(text) is not None
    return _found_apart(expression.pattern, expression.flags & ~re.UNICODE, text)


def _steps(pattern: str, length: int) -> float:
    """Return about how many steps a search may take: exponentially many as soon as a group is repeated."""
    repeats = [match.lastgroup for match in _REPEATS.finditer(pattern) if match.lastgroup]
    if "group" in repeats:
        return 4.0 ** min(length, 100)
    return float(length + 1) ** min(len(repeats) + 1, 30)


@lru_cache(maxsize=512)
def _found_apart(pattern: str, flags: int, text: str) -> bool:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _WORKER],
            input=json.dumps([pattern, flags, text]).encode(),
            capture_output=True,
            timeout=_SEARCH_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired as problem:
        raise BadPattern("takes too long") from problem
    return done.stdout.split() == [b"True"]
