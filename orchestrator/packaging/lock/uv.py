"""Calling uv, and saying whose fault it is when it cannot go on."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError
from orchestrator.packaging.process import Result, clean_environment, run
from orchestrator.packaging.runtimes import Target

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
        environment = {**clean_environment(extra), "UV_CACHE_DIR": str(self.own_cache)}
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

    @property
    def own_cache(self) -> Path:
        """Where uv has its cache: where the package or the user's `UV_CACHE_DIR` says, or in ours."""
        named = self.environment.get("UV_CACHE_DIR") or os.environ.get("UV_CACHE_DIR")
        return Path(named) if named else self.cache / "uv"


def uv_platform(target: Target) -> str:
    """Return the platform as uv spells it: the newest manylinux level that uv knows and the runtime can load."""
    level = max(level for level in _LEVELS if level <= target.runtime.glibc)
    return f"{target.machine}-manylinux_{level[0]}_{level[1]}"


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
