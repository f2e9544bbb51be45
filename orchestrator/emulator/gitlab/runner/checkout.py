"""Bringing exactly the job's commit into its working directory, with git over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.emulator.gitlab.records import Job

STRATEGIES = frozenset({"clone", "fetch", "none", "empty"})


def commands(job: Job, variables: Mapping[str, str], directory: Path) -> list[list[str]]:
    """Return the git commands that make the work tree; only full ref names and SHAs are given to git.

    `GIT_STRATEGY`, `GIT_DEPTH`, `GIT_CHECKOUT` and `GIT_SUBMODULE_STRATEGY` are obeyed (docs: ci/runners).
    """
    strategy = variables.get("GIT_STRATEGY", "fetch")
    if strategy not in {"clone", "fetch"}:
        return []
    depth = _depth(variables)
    shallow = [f"--depth={depth}"] if depth else []
    place = f"refs/tags/{job.ref}" if job.tag else f"refs/remotes/origin/{job.ref}"
    git = ["git", "-C", str(directory)]
    flags = variables.get("GIT_FETCH_EXTRA_FLAGS", "").split()
    steps = [
        ["git", "init", "-q", "--template=", str(directory)],
        [*git, "remote", "add", "origin", variables["CI_REPOSITORY_URL"]],
        [*git, "fetch", "-q", "--no-tags", *shallow, *flags, "origin", f"+{job.sha}:{place}"],
    ]
    if variables.get("GIT_CHECKOUT", "true").lower() != "false":
        steps.append([*git, "checkout", "-q", "-f", "--detach", job.sha])
    recurse = {"normal": [], "recursive": ["--recursive"]}.get(variables.get("GIT_SUBMODULE_STRATEGY", ""))
    if recurse is not None:
        steps.append([*git, "submodule", "update", "--init", *recurse])
    return steps


def _depth(variables: Mapping[str, str]) -> int:
    try:
        return max(0, int(variables.get("GIT_DEPTH", "20")))
    except ValueError:
        return 20
