"""The plan: the frozen description of what a pipeline will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.vocabulary import Architecture, Kind, Return, Source, StateBackend


@dataclass(frozen=True)
class Target:
    """What a package must run on."""

    architecture: Architecture
    runtime: str

    @property
    def python_version(self) -> str:
        """The runtime's Python as buildspecs spell it, such as `3.12`."""
        return self.runtime.removeprefix("python")


@dataclass(frozen=True)
class BuildPlan:
    """One package and the CodeBuild project that builds it.

    `source` and `requirements` are paths in the repository; `requirements` is None for a package without
    dependencies.
    """

    package: str
    kind: Kind
    target: Target
    source: str
    requirements: str | None
    environment: Mapping[str, str]
    codebuild_project: str
    environment_type: str
    image: str
    compute_type: str
    timeout_minutes: int
    queue_timeout_minutes: int
    concurrent_builds: int | None
    log_retention_days: int


@dataclass(frozen=True)
class ArtifactsPlan:
    """Where packages are stored. `bucket` None means the project's own bucket, named by Terraform."""

    bucket: str | None
    managed: bool
    prefix: str
    retention_days: int


@dataclass(frozen=True)
class GitLabPlan:
    """The GitLab project that builds come from and return to, and the names of its SSM parameters.

    `project` is the id or full path. The clone fields are None unless the source is `clone`.
    """

    url: str
    project: str
    trigger_parameter: str
    clone_url: str | None
    username_parameter: str | None
    token_parameter: str | None

    @property
    def parameters(self) -> list[str]:
        """The names of the SSM parameters that a build reads."""
        names = (self.trigger_parameter, self.username_parameter, self.token_parameter)
        return [name for name in names if name]

    @property
    def api_url(self) -> str:
        """The root of GitLab's REST API."""
        return f"{self.url}/api/v4"


@dataclass(frozen=True)
class StatePlan:
    """Where Terraform keeps its state: the backend, its settings (never a secret), and its patience."""

    backend: StateBackend
    settings: Mapping[str, str | bool]
    lock_timeout_seconds: int


@dataclass(frozen=True)
class Plan:
    """Everything that prebuild, build and postbuild will do. Equal plans do equal things."""

    project: str
    region: str
    return_: Return
    source: Source
    artifacts: ArtifactsPlan
    gitlab: GitLabPlan
    state: StatePlan
    tags: Mapping[str, str]
    builds: tuple[BuildPlan, ...]
    tool_sha256: str

    def by_codebuild_project(self) -> dict[str, BuildPlan]:
        """Return the builds under the names of their CodeBuild projects."""
        return {build.codebuild_project: build for build in self.builds}

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class RenderedRoot:
    """The Terraform root as text: file contents under their relative paths, and its digest in hex."""

    files: Mapping[str, str]
    settings_digest: str
    state: StatePlan
