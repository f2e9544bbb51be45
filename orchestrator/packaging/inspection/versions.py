"""Symbol versions: which of those that a file needs the libraries of the runtime have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.packaging.runtimes import Version, version_of

_NUMBERED = re.compile(r"(?P<family>GLIBC|GLIBCXX|CXXABI|GCC)_(?P<number>[0-9]+(?:\.[0-9]+)*)$")
# Marks without a number, which glibc gives to abilities of its loader (glibc NEWS of these versions).
_MARKS = {"GLIBC_ABI_DT_RELR": (2, 36)}
_LATEST_MARK = (2, 42)
PRIVATE = "GLIBC_PRIVATE"


def version_number(name: str) -> tuple[str, Version] | None:
    """Return the family and number of a version such as `GLIBC_2.34`, or None for one of another library."""
    match = _NUMBERED.match(name)
    if match:
        # A number of a thousand digits is no version of anything.
        return (match["family"], version_of(match["number"])) if len(name) < 40 else None
    if name.startswith("GLIBC_ABI_"):
        return "GLIBC", _MARKS.get(name, _LATEST_MARK)
    return None


def is_offered(name: str, versions: Mapping[str, Version]) -> bool:
    """Return whether the runtime has this version; families that the table does not know are not judged."""
    if name == PRIVATE:
        return False
    known = version_number(name)
    return known is None or known[0] not in versions or known[1] <= versions[known[0]]
