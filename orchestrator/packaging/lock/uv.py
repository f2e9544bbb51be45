"""Calling uv, and saying whose fault it is when it cannot go on."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BuildFailed, MachineryError, OrchestratorError
from orchestrator.packaging.process import Result, clean_environment, run
from orchestrator.packaging.runtimes import Target

_NETWORK = re.compile(
    r"error sending request|dns error|connection (?:reset|refused|closed)|timed out|HTTP status server error"
    r"|Could not resolve host|Failed to connect|tls handshake|Request failed after",
    re.IGNORECASE,
)
_SYNTAX = re.compile(r"couldn't parse|unexpected|failed to parse|TOML parse error", re.IGNORECASE)
_CULPRIT = re.compile(r"Failed to (?:download and )?build `([^`@ ]+)")
_SHOWN_CHARACTERS = 4000
# `uv pip compile --help`, --python-platform. There is no 2_26, so Amazon Linux 2 takes a lower level.
_LEVELS = ((2, 17), (2, 28), *((2, minor) for minor in range(31, 41)))


@dataclass(frozen=True)
class Uv:
    """The pinned uv for one target.

    `directory` is private to this target: uv runs in it, and what it reads is written there. `cache` holds
    uv's own cache and the downloaded files. `environment` is the package's, for what uv has to ask of build
    scripts.
    """

    program: Path
    directory: Path
    cache: Path
    target: Target
    environment: Mapping[str, str]

    def __call__(self, *arguments: str | Path, directory: Path | None = None, for_target: bool = True) -> Result:
        """Run uv; `for_target` makes it see the target's platform. Without, no Python is looked for at all."""
        platform = (
            *("--python-platform", uv_platform(self.target), "--python-version", self.target.python_version),
            *("--python", sys.executable),
        )
        extra = {"UV_NO_CONFIG": "1", "SOURCE_DATE_EPOCH": "315532800", "NO_COLOR": "1", **self.environment}
        environment = clean_environment(extra)
        environment.setdefault("UV_CACHE_DIR", str(self.cache / "uv"))
        self.directory.mkdir(parents=True, exist_ok=True)
        return run(
            [
                self.program,
                *arguments,
                *(platform if for_target else ()),
                *("--no-python-downloads", "--no-progress", "--quiet"),
            ],
            environment=environment,
            directory=directory or self.directory,
        )


def uv_platform(target: Target) -> str:
    """Return the platform as uv spells it: the newest manylinux level that uv knows and the runtime can load."""
    level = max(level for level in _LEVELS if level <= target.runtime.glibc)
    return f"{target.machine}-manylinux_{level[0]}_{level[1]}"


def culprit(errors: str) -> str:
    """Return the requirement whose build script failed (`name` or `name==version`), or nothing."""
    match = _CULPRIT.search(errors)
    return match[1] if match else ""


def is_network(errors: str) -> bool:
    """Tell whether uv could not reach an index."""
    return bool(_NETWORK.search(errors))


def failure(what: str, errors: str, uv: Uv) -> OrchestratorError:
    """Turn what uv wrote into our error: who is to blame decides the class."""
    text = shown(errors, uv)
    if name := culprit(text):
        what = f"{what}: `{name}` cannot be built"
    if is_network(text):
        hint = "start the build again; check that this machine can reach the package index"
        return MachineryError(what, detail=text, hint=hint)
    return BuildFailed(what, detail=text, hint=_hint(text))


def shown(errors: str, uv: Uv) -> str:
    """Return what uv wrote as it may be printed: no passwords, no private directory, not too long."""
    text = re.sub(r"(?<=://)[^/\s`']+@", "", errors.replace(f"{uv.directory}/", "").strip())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:500]}\n[…]\n{text[500 - _SHOWN_CHARACTERS :]}"


def _hint(text: str) -> str:
    lower = text.lower()
    if "not found in the package registry" in lower or "was not found in" in lower:
        return "check the name; a private package needs its index in the requirement file or in UV_INDEX"
    if _SYNTAX.search(text):
        return "correct the line in the requirement file"
    if "requires-python" in lower or "current python version" in lower or "python>=" in lower:
        return "choose versions that support the Python of the runtime"
    if "unsatisfiable" in lower:
        return "loosen one of the versions named above"
    if "build" in lower:
        return "the last lines say what the build script misses; `environment:` of the package reaches it"
    return "read the lines above"
