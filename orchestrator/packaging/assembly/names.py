"""Which names a file in the zip may have."""

from __future__ import annotations

import re

from orchestrator.errors import Refused

# NAME_MAX of Linux file systems (limits.h): a longer name cannot be unpacked.
_SEGMENT_BYTES = 255
# PATH_MAX of Linux (limits.h), less the longest root that Lambda unpacks below (`/var/task/`).
_NAME_BYTES = 4096 - len("/var/task/") - 1
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
_PLAIN_CHARACTERS = 250
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DRIVE = re.compile(r"[A-Za-z]:")


def check_name(name: str, origin: str) -> None:
    """Raise Refused for a name that leaves the package, reads differently elsewhere, or cannot be unpacked.

    `origin` is the distribution, or empty for the application.
    """
    # Nearly all names are plain; there are thousands of them.
    if len(name) < _PLAIN_CHARACTERS and _PLAIN.fullmatch(name):
        return
    if problem := _problem(name):
        raise Refused(
            f"a file of {origin or 'the application'} has a name that no package may have",
            detail=f"observed: {name!a}\nexpected: a relative name in UTF-8 ({problem})",
            hint="do not use that release of it" if origin else "rename the file",
        )


def _problem(name: str) -> str:
    segments = name.split("/")
    problems = {
        "it leaves the package": name.startswith("/") or ".." in segments or bool(_DRIVE.match(name)),
        "it has an empty part": "" in segments or "." in segments,
        "it has a backslash, which some programs take for a slash": "\\" in name,
        "it has a control character": bool(_CONTROL.search(name)),
        "it is not UTF-8": not _is_utf8(name),
        "it is too long": _too_long(segments),
    }
    return next((text for text, found in problems.items() if found), "")


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_long(segments: list[str]) -> bool:
    lengths = [len(segment.encode("utf-8", "surrogateescape")) for segment in segments]
    return max(lengths) > _SEGMENT_BYTES or sum(lengths) + len(lengths) - 1 > _NAME_BYTES
