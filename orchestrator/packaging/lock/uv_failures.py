"""Saying whose fault it is when uv cannot go on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError

if TYPE_CHECKING:
    from orchestrator.packaging.lock.uv import Uv

_NETWORK = re.compile(
    r"error sending request|dns error|connection (?:reset|refused|closed)|timed out|HTTP status server error"
    r"|Could not resolve host|Failed to connect|tls handshake|Request failed after",
    re.IGNORECASE,
)
# What uv says of the file that it was given; of the files of a dependency it says it below other first lines.
_SYNTAX = re.compile(
    r"^error: (?:Couldn't parse requirement in `|Unexpected '|Failed to parse:? )|, expected '-c', '-e', '-r' or ",
    re.MULTILINE,
)
_CACHE = re.compile(
    r"^error: Failed to (?:initialize cache at|(?:create|open|write|read|persist|lock|acquire)\b[^`\n]*\bcache\b)"
    r".*(?:\n.*)?",
    re.MULTILINE,
)
_FULL = re.compile(r"\(os error (?:28|122)\)")
_CULPRIT = re.compile(r"Failed to (?:download and )?build `([^`@ ]+)")
_SHOWN_CHARACTERS = 4000


def culprit(errors: str) -> str:
    """Return the requirement whose build script failed (`name` or `name==version`), or nothing."""
    match = _CULPRIT.search(errors)
    return match[1] if match else ""


def is_surroundings(errors: str) -> bool:
    """Tell whether no other question would be answered either: uv could not reach an index, or use its cache."""
    return bool(_NETWORK.search(errors) or _CACHE.search(errors))


def cache_failure(errors: str, folder: Path) -> OrchestratorError | None:
    """Return what to say if uv cannot use its cache in `folder`, else None."""
    found = _CACHE.search(errors)
    if found is None:
        return None
    if _FULL.search(found[0]):
        return MachineryError(f"cannot write `{folder}`", detail=found[0], hint="free some disk space")
    return ConfigurationError(
        f"uv cannot use its cache in `{folder}`",
        detail=found[0],
        hint="make the folder writable, or choose another one with `--cache` or `UV_CACHE_DIR`",
    )


def failure(what: str, errors: str, uv: Uv) -> OrchestratorError:
    """Turn what uv wrote into our error: who is to blame decides the class."""
    text = shown(errors, uv)
    if unusable := cache_failure(text, uv.own_cache):
        return unusable
    if name := culprit(text):
        what = f"{what}: `{name}` cannot be built"
    if _NETWORK.search(text):
        hint = "start the build again; check that this machine can reach the package index"
        return MachineryError(what, detail=text, hint=hint)
    if not name and _SYNTAX.search(text):
        return ConfigurationError(what, detail=text, hint="correct the line in the requirement file")
    return BuildFailed(what, detail=text, hint=_hint(text))


def shown(errors: str, uv: Uv) -> str:
    """Return what uv wrote as it may be printed: no passwords, no private directory, not too long."""
    text = re.sub(r"(?<=://)[^/\s`']+@", "", errors.replace(f"{uv.directory}/", "").strip())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:500]}\n[…]\n{text[500 - _SHOWN_CHARACTERS :]}"


def _hint(text: str) -> str:
    lower = text.lower()
    if "not found in the package registry" in lower or "was not found in" in lower:
        return "check the name; a private package needs its index in the requirement file or in UV_INDEX"
    if "requires-python" in lower or "current python version" in lower or "python>=" in lower:
        return "choose versions that support the Python of the runtime"
    if "unsatisfiable" in lower:
        return "loosen one of the versions named above"
    if "build" in lower:
        return "the last lines say what the build script misses; `environment:` of the package reaches it"
    return "read the lines above"
