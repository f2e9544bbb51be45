"""CodeBuild in one region: its operations by name, over projects and builds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws.codebuild import curated_images, mishaps, protocol
from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.codebuild.build import Build
from orchestrator.emulator.aws.codebuild.builds import Announce, Builds
from orchestrator.emulator.aws.codebuild.faults import ResourceNotFound
from orchestrator.emulator.aws.codebuild.projects import Projects
from orchestrator.emulator.aws.container.run import Host, recover, run
from orchestrator.emulator.injection.engine import Faults


class CodeBuild:
    """The service for one region; state in `directory`, builds run on `host`.

    Builds that were running when the last emulator on this directory ended become FAULT. `announce` is told
    of every build that starts or ends. Mishaps of builds come from `faults`.
    """

    def __init__(self, directory: Path, place: Place, host: Host, announce: Announce, faults: Faults) -> None:
        self._host = host
        self._faults = faults
        self.projects = Projects(directory / "projects", place)
        self.builds = Builds(directory / "builds", place, self.projects, self._run, announce)
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

    def role_of(self, request: Mapping[str, Any]) -> str:
        """Return the ARN of the service role that a request to create, update or build a project is about."""
        named = request.get("serviceRole") or request.get("serviceRoleOverride")
        if named:
            return str(named)
        try:
            return str(self.projects.get(str(request.get("projectName") or request.get("name")))["serviceRole"])
        except ResourceNotFound:
            return "the service role"

    def _run(self, build: Build) -> None:
        answer = self._faults.take("build", build.project)
        if answer is None:
            run(build, self._host)
        else:
            mishaps.suffer(build, answer, lambda: run(build, self._host))

    def _invalidate_cache(self, request: dict[str, Any]) -> None:
        self.projects.get(request["projectName"])
