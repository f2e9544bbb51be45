"""CodeBuild in one region: its operations by name, over projects and builds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws.codebuild import curated_images, protocol
from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.codebuild.builds import Builds
from orchestrator.emulator.aws.codebuild.projects import Projects
from orchestrator.emulator.aws.container.run import Host, recover, run


class CodeBuild:
    """The service for one region; state in `directory`, builds run on `host`.

    Builds that were running when the last emulator on this directory ended become FAULT.
    """

    def __init__(self, directory: Path, place: Place, host: Host) -> None:
        self.projects = Projects(directory / "projects", place)
        self.builds = Builds(directory / "builds", place, self.projects, lambda build: run(build, host))
        for build in self.builds.interrupted():
            recover(build)
        self._operations: dict[str, protocol.Operation] = {
            "CreateProject": self.projects.create,
            "UpdateProject": self.projects.update,
            "DeleteProject": self.projects.delete,
            "BatchGetProjects": self.projects.batch_get,
            "ListProjects": self.projects.list_names,
            "StartBuild": self.builds.start,
            "StopBuild": self.builds.stop,
            "RetryBuild": self.builds.retry,
            "BatchGetBuilds": self.builds.batch_get,
            "ListBuilds": self.builds.list_all,
            "ListBuildsForProject": self.builds.list_for_project,
            "BatchDeleteBuilds": self.builds.batch_delete,
            "ListCuratedEnvironmentImages": lambda _: {"platforms": curated_images.platforms()},
            "UpdateProjectVisibility": self.projects.update_visibility,
            "InvalidateProjectCache": self._invalidate_cache,
        }

    def wsgi(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        return protocol.answer(self._operations, environ, start_response)

    def close(self) -> None:
        """Stop all builds."""
        self.builds.close()

    def _invalidate_cache(self, request: dict[str, Any]) -> None:
        self.projects.get(request["projectName"])
