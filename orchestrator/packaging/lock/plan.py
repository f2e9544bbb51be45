"""What has to be done for each dependency of a package on one target, and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from orchestrator.errors import BuildFailed, OrchestratorError
from orchestrator.packaging.lock.credentials import Credentials, credentials_for, expanded
from orchestrator.packaging.lock.document import pylock_of
from orchestrator.packaging.lock.existing import read_lock, refuse_other_targets
from orchestrator.packaging.lock.inputs import Inputs, is_lock, read_inputs
from orchestrator.packaging.lock.judging import Judging
from orchestrator.packaging.lock.model import DependencyPlan, Verdict
from orchestrator.packaging.runtimes import Target

if TYPE_CHECKING:
    from orchestrator.packaging.lock.evidence import Evidence
    from orchestrator.packaging.lock.index import Index
    from orchestrator.packaging.lock.uv import Uv
    from orchestrator.packaging.lock.web import Web


def plan_dependencies(
    requirements: Path,
    tree: Path,
    source: Path,
    target: Target,
    uv: Uv,
    narrate: Callable[[str], None],
    *,
    pure: Collection[str] = (),
    index: Index | None = None,
) -> DependencyPlan:
    """Return the plan for one target.

    `requirements` is a requirement file, a `pyproject.toml` or a lock; `tree` the root of the repository, outside
    of which nothing is read; `source` pip's current directory. `pure` names the projects whose pure-Python fallback
    may be taken. `index` serves several targets of one input.

    What has to be compiled, or cannot be had, is in the plan with its reason. Raises BuildFailed for
    requirements that contradict each other, ConfigurationError, MachineryError (network), Refused (a path outside
    the tree, a hash that no file has).
    """
    allowed = frozenset(canonicalize_name(name) for name in pure)
    if is_lock(requirements):
        return _locked_plan(requirements, tree, target, uv, allowed, index)
    # Resolving needs much that a lock does not; with a lock, imports are most of the time.
    index = index or index_of(requirements, tree, source)
    from orchestrator.packaging.lock.resolving import resolved_plan

    return resolved_plan(read_inputs(requirements, tree, source), tree, target, uv, narrate, allowed, index)


def refuse_impossible(plan: DependencyPlan) -> None:
    """Raise BuildFailed that names every package which cannot be had for the target, and why."""
    impossible = plan.having(Verdict.IMPOSSIBLE)
    if impossible:
        names = ", ".join(f"`{package}`" for package in impossible)
        raise BuildFailed(
            f"not to be had for {plan.target}: {names}",
            detail="\n".join(package.reason for package in impossible),
            hint="choose other versions; `orchestrator package plan` shows every dependency",
        )


def index_of(requirements: Path, tree: Path, source: Path, environ: Mapping[str, str] = os.environ) -> Index:
    """Return the indexes that an input and the environment name; its answers are remembered."""
    from orchestrator.packaging.lock.index import Index, places_of

    inputs = None if is_lock(requirements) else read_inputs(requirements, tree, source)
    credentials = _credentials(inputs, environ)
    lines = inputs.index if inputs else ()

    def open_web() -> Web:
        from orchestrator.packaging.lock import web

        return web.Web(credentials, inputs.insecure_hosts if inputs else ())

    return Index(places_of(lines, environ), open_web)


def read_credentials(
    requirements: Path, tree: Path, source: Path, environ: Mapping[str, str] = os.environ
) -> Credentials:
    """Return the passwords for the files of a plan: from the input's URLs, `UV_INDEX…` and netrc."""
    return _credentials(None if is_lock(requirements) else read_inputs(requirements, tree, source), environ)


def _credentials(inputs: Inputs | None, environ: Mapping[str, str]) -> Credentials:
    urls = [expanded(url, environ) for url in (inputs.urls() if inputs else ())]
    return credentials_for(urls, environ)


def _locked_plan(
    requirements: Path, tree: Path, target: Target, uv: Uv, pure: Collection[str], index: Index | None
) -> DependencyPlan:
    document, text = read_lock(requirements, tree, uv)
    lock = pylock_of(document, requirements.name)
    refuse_other_targets(lock, target, requirements.name)

    @cache
    def asked() -> Index:
        return index or index_of(requirements, tree, tree)

    def evidence_of(name: str) -> Evidence | None:
        # Only a better sentence depends on it: a lock is used also where no index can be reached.
        from packaging.specifiers import SpecifierSet

        from orchestrator.packaging.lock.evidence import Evidence

        with suppress(OrchestratorError):
            project = asked().project(name)
            return Evidence(project, target, SpecifierSet()) if project else None
        return None

    packages = Judging(target, tree, evidence_of, pure=pure).packages(lock)
    return DependencyPlan(target, packages, text, made=False)
