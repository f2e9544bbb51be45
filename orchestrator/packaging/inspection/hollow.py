"""Files that are called like machine code and hold none: they fail at import, or when something is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from orchestrator.packaging.inspection.model import Rule, Severity
from orchestrator.packaging.inspection.problem import Problem

_NAME = re.compile(r"\.so(?:\.[0-9]+)*$|\.node$")
_LINKER_SCRIPT = re.compile(rb"\s*(?:/\*|INPUT|GROUP|OUTPUT_FORMAT)")
_LFS = b"version https://git-lfs.github.com/spec/"
HEAD_BYTES = 64


def is_named_like_code(name: str) -> bool:
    """Tell whether a loader would take the file for a library or an extension module."""
    return bool(_NAME.search(name))


def check_hollow(heads: Mapping[str, bytes]) -> Iterator[Problem]:
    """Judge files with such names by their first bytes; none of them is machine code of any system.

    What a linker reads is a warning: nothing loads it.
    """
    for name, head in heads.items():
        if _LINKER_SCRIPT.match(head):
            observed, advice, severity = "a text for linkers", "leave it out with `exclude:`", Severity.WARNING
        elif head.startswith(_LFS):
            observed, severity = "a pointer of Git LFS instead of the file", Severity.ERROR
            advice = "archives of a commit hold pointers: build with `source: clone`, or bring the file another way"
        else:
            observed = "an empty file" if not head else "a file that is no machine code"
            advice, severity = "find out what should be there, or leave it out with `exclude:`", Severity.ERROR
        yield Problem(Rule.CONTENT, name, "content", observed, "a library or extension module", advice, severity)
