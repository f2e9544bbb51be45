"""Calling uv, and understanding what it says when it cannot go on."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BuildFailed, MachineryError, OrchestratorError, Refused
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.packaging.process import Result, clean_environment, run
from orchestrator.packaging.runtimes import Target

_NO_WHEEL = (
    re.compile(r"Wheels are required for `([A-Za-z0-9._-]+)`"),
    re.compile(
        r"(?<![\w.<>=!~,])([A-Z][A-Z0-9._-]*)(?:\[[^\]\s]*\])?(?:[=<>!~]\S*)? has no (?:usable )?wheels\b",
        re.IGNORECASE,
    ),
    re.compile(r"Building source distributions for `([A-Za-z0-9._-]+)`"),
    re.compile(r"only found wheels for `([A-Za-z0-9._-]+)`"),
    re.compile(r"Building source distributions is disabled(?:, but attempted to build| for) `([A-Za-z0-9._-]+)`"),
)
_NETWORK = re.compile(
    r"error sending request|dns error|connection (?:reset|refused|closed)|timed out|HTTP status server error"
    r"|Could not resolve host|Failed to connect|tls handshake",
    re.IGNORECASE,
)
_CULPRIT = re.compile(r"Failed to (?:download and )?build `([^`@ ]+)")
_SHOWN_CHARACTERS = 4000
# `uv pip compile --help`, --python-platform. There is no 2_26, so Amazon Linux 2 takes a lower level.
_LEVELS = ((2, 17), (2, 28), *((2, minor) for minor in range(31, 41)))


@dataclass(frozen=True)
class Uv:
    """The pinned uv for one package and target. `environment` is the package's own, for what is compiled."""

    workspace: Workspace
    target: Target
    environment: dict[str, str]

    def __call__(self, *arguments: str | Path, for_target: bool = True) -> Result:
        """Run uv in the resolution directory; `for_target` makes it see the target's platform, not the host's."""
        platform = ("--python-platform", uv_platform(self.target), "--python-version", self.target.python_version)
        extra = {"UV_NO_CONFIG": "1", "SOURCE_DATE_EPOCH": "315532800", "NO_COLOR": "1", **self.environment}
        environment = clean_environment(extra)
        environment.setdefault("UV_CACHE_DIR", str(self.workspace.private / "cache"))
        return run(
            [
                self.workspace.uv,
                *arguments,
                *(platform if for_target else ()),
                *("--python", sys.executable, "--no-python-downloads", "--no-progress", "--quiet"),
            ],
            environment=environment,
            directory=self.workspace.resolution,
        )


def uv_platform(target: Target) -> str:
    """Return the platform as uv spells it: the newest manylinux level that uv knows and the runtime can load."""
    level = max(level for level in _LEVELS if level <= target.runtime.glibc)
    return f"{target.machine}-manylinux_{level[0]}_{level[1]}"


def without_wheel(errors: str) -> list[str]:
    """Return the names that uv says have no wheel it could use, normalised and sorted."""
    text = " ".join(errors.split())
    return sorted({normalised(name) for pattern in _NO_WHEEL for name in pattern.findall(text)})


def normalised(name: str) -> str:
    """Return the one spelling of a distribution's name (PyPA: name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def failure(what: str, errors: str, workspace: Workspace) -> OrchestratorError:
    """Turn what uv wrote into our error: who is to blame decides the class."""
    text = re.sub(r"(?<=://)[^/@\s`']+@", "", errors.replace(f"{workspace.private}/", "").strip())
    detail = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:500]}\n[…]\n{text[500 - _SHOWN_CHARACTERS :]}"
    if culprit := _CULPRIT.search(text):
        what = f"{what}: `{culprit[1]}` cannot be built"
    if re.search(r"hash mismatch", text, re.IGNORECASE):
        hint = "find out what the package index serves; correct the hash only if you know why it changed"
        return Refused(what, detail=detail, hint=hint)
    if _NETWORK.search(text):
        hint = "start the build again; check that the build can reach the package index"
        return MachineryError(what, detail=detail, hint=hint)
    return BuildFailed(what, detail=detail, hint=_hint(text))


def no_wheel(names: Sequence[str], what: str, reason: str, errors: str, workspace: Workspace) -> BuildFailed:
    """Say which requirements would have to be compiled, and why that cannot be done here."""
    listed = ", ".join(f"`{name}`" for name in names)
    explained = errors.replace(f"{workspace.private}/", "").strip()
    return BuildFailed(
        f"{what}: no wheel of {listed}",
        detail=f"{reason}\n{explained}".strip()[:4000],
        hint="choose versions that have a wheel, or build on the target: an image of that architecture and Python",
    )


def _hint(text: str) -> str:
    lower = text.lower()
    if "not found in the package registry" in lower or "was not found in" in lower:
        return "check the name; a private package needs its index in the requirement file or in UV_INDEX"
    if "couldn't parse" in lower or "unexpected" in lower:
        return "correct the line in the requirement file"
    if "requires-python" in lower or "current python version" in lower or "python>=" in lower:
        return "choose versions that support the Python of the runtime"
    if "unsatisfiable" in lower:
        return "loosen one of the versions named above"
    if "build" in lower:
        return "the last lines say what the build script misses; `environment:` of the package reaches it"
    return "read the lines above"
