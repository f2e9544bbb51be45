"""Text of others as a terminal may show it: nothing in it steers the screen."""

from __future__ import annotations

import re

# ECMA-48: control sequences such as colours, and operating system commands such as window titles.
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")


def printable(text: str) -> str:
    """Return the text with its lines and tabs, but without what a terminal would obey."""
    lines = _SEQUENCES.sub("", text).replace("\r\n", "\n")
    return "".join(c if c in "\n\t" or c.isprintable() else " " if c.isspace() else "�" for c in lines)
