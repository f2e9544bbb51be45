"""The configuration files of the projects on this server, as one user may read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.emulator.gitlab.access import Identity
from orchestrator.emulator.gitlab.ci.sources import Place
from orchestrator.emulator.gitlab.git.repository import GitError
from orchestrator.emulator.gitlab.records import REPORTER, Project
from orchestrator.emulator.gitlab.world import World

_SEMANTIC = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?")


@dataclass(frozen=True)
class ProjectFiles:
    """Implements `ci.sources.Sources` over the bare repositories."""

    world: World
    identity: Identity

    def _project(self, path: str) -> Project | None:
        project = self.world.state.project_at(path)
        return project if project and self.identity.level(project) >= REPORTER else None

    def place(self, project: str, ref: str | None) -> Place | None:
        """Return the commit that a ref, by default the default branch, names."""
        found = self._project(project)
        if found is None:
            return None
        sha = self.world.repository(found).resolve(ref or found.default_branch)
        return Place(found.full_path, sha) if sha else None

    def knows(self, project: str) -> bool:
        """Tell whether the user may read such a project."""
        return self._project(project) is not None

    def read(self, place: Place, path: str) -> str | None:
        """Return the text of a file; bytes that are no UTF-8 become question marks."""
        found = self._project(place.project)
        content = self.world.repository(found).read(place.sha, path) if found else None
        return None if content is None else content.decode("utf-8", "replace").removeprefix("\ufeff")

    def files(self, place: Place) -> list[str]:
        """Return all paths at a commit."""
        found = self._project(place.project)
        try:
            return self.world.repository(found).files(place.sha) if found else []
        except GitError:
            return []

    def hosts(self) -> set[str]:
        """Return the names of this server."""
        return {self.world.server.address, self.world.server.host}

    def version(self, project: str, wanted: str) -> str | None:
        """Return the newest semantic version among the tags that `1`, `1.2` or `~latest` means."""
        found = self._project(project)
        if found is None or not re.fullmatch(r"~latest|\d+(\.\d+)?", wanted):
            return None
        tags = self.world.repository(found).tags()
        return None if wanted in tags else _newest(tags, wanted)


def _newest(tags: Iterable[str], wanted: str) -> str | None:
    prefix = [] if wanted == "~latest" else [int(part) for part in wanted.split(".")]
    versions = []
    for tag in tags:
        match = _SEMANTIC.fullmatch(tag)
        if match and not match[4]:
            numbers = [int(match[index]) for index in (1, 2, 3)]
            if numbers[: len(prefix)] == prefix:
                versions.append((numbers, tag))
    return max(versions)[1] if versions else None
