"""Phase pre_build: bring exactly one commit into the build."""

from __future__ import annotations

from orchestrator.packaging.inside.clone import clone
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.snapshot import fetch_snapshot
from orchestrator.packaging.inside.workspace import Workspace


def fetch(build: Build, workspace: Workspace) -> str:
    """Put the files of the commit into `workspace.tree`; return one sentence about how."""
    if build.settings.clone is None:
        files = fetch_snapshot(build, workspace)
        return f"fetched commit {build.commit} ({files} files) from its snapshot"
    clone(build.settings.clone, build.commit, workspace)
    return f"cloned commit {build.commit}"
