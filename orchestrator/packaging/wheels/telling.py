"""Telling why a wheel could not be made: the causes first, then what the build script said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BuildFailed, MachineryError, OrchestratorError
from orchestrator.packaging.lock.model import PlannedPackage
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.explain import Cause, explain
from orchestrator.packaging.wheels.outdated import unnamed_python
from orchestrator.packaging.wheels.source_tree import named_pythons, switches

_SHOWN_LINES = 25
# uv, cargo, git, curl, pip.
_NETWORK = re.compile(
    r"error sending request|dns error|connection (?:reset|refused|closed)|HTTP status server error|tls handshake"
    r"|operation timed out|could not resolve host|spurious network error|failed to connect to|network is unreachable"
    r"|temporary failure in name resolution",
    re.IGNORECASE,
)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/@\s`']+@")


@dataclass(frozen=True)
class Told:
    """What is known when the build of `package` ends: its source, and folders that nobody wants to read about."""

    package: PlannedPackage
    target: Target
    project: Path
    folders: Sequence[Path]

    def failure(self, output: str) -> OrchestratorError:
        """Return why the build failed, from all that it wrote."""
        text = self._public(output)
        shown = "\n".join([line for line in text.splitlines() if line.strip(" ~^|")][-_SHOWN_LINES:])
        causes = explain(text, self.target)
        if not causes and _NETWORK.search(text):
            return MachineryError(
                f"what {self.package} needs to be built cannot be downloaded",
                detail=shown,
                hint="start the build again; check that it can reach the package index",
            )
        causes = causes or tuple(Cause(*one) for one in self._unnamed(text))
        said = [*_unique(cause.what for cause in causes), *self._planned(), "its last lines:", shown]
        advice = [*_unique(cause.advice for cause in causes), *self._pure()]
        return BuildFailed(
            f"{self.package} does not compile for {self.target}",
            detail="\n".join(said),
            hint="; ".join(advice)
            or "the lines above say what its build script misses; `environment:` of the package reaches it",
        )

    def without_code(self, wheel: str, evidence: str, output: str) -> BuildFailed:
        """Return why the pure wheel that came out is not taken; the build script may have said what it missed."""
        causes = explain(self._public(output), self.target)
        names = " or ".join(f"`{name}`" for name in switches(self.project))
        reads = f"its build script makes machine code only if a variable asks for it: set {names}, most likely to 1"
        missing = "its build script fell back because something is missing, often a compiler: see `system_packages:`"
        hint = "; ".join(_unique(cause.advice for cause in causes)) or (reads if names else missing)
        observed = [f"observed: {wheel}, which is pure Python", f"expected: machine code, because {evidence}"]
        return BuildFailed(
            f"{self.package} came out without its machine code",
            detail="\n".join([*_unique(cause.what for cause in causes), *observed, *self._planned()]),
            hint=f"{hint}; or add `{self.package.name}` to `allow_pure:`",
        )

    def _unnamed(self, text: str) -> Sequence[tuple[str, str]]:
        return tuple(unnamed_python(text, named_pythons(self.project), self.target))

    def _pure(self) -> Sequence[str]:
        return [f"or add `{self.package.name}` to `allow_pure:`"] if self.package.fallback else []

    def _planned(self) -> Sequence[str]:
        return [self.package.reason] if self.package.reason else []

    def _public(self, text: str) -> str:
        for folder in self.folders:
            text = text.replace(f"{folder}/", "")
        return _CREDENTIALS_IN_URL.sub("", text)


def not_here(package: PlannedPackage, missing: str, evidence: str) -> BuildFailed:
    """Return why a package is not compiled on this machine."""
    pure = f", or add `{package.name}` to `allow_pure:`" if package.fallback else ""
    return BuildFailed(
        f"{package} has to be compiled, which is not possible here",
        detail="\n".join(line for line in (f"observed: {missing}; {evidence}", package.reason) if line),
        hint="build on the target's architecture and Python (CodeBuild does), or choose a version that has a wheel"
        f"{pure}",
    )


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
