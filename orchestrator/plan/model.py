"""The plan: the frozen description of what a pipeline will do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.config.images import facts_of
from orchestrator.packaging.inspection.model import Allowance, Rule
from orchestrator.packaging.runtimes import Target as PackagingTarget
from orchestrator.packaging.runtimes import target_of
from orchestrator.vocabulary import Architecture, CacheKind, Kind, Return, Source, StateBackend, Where

_NODE = re.compile(r"nodejs([0-9]+)\.x")


@dataclass(frozen=True)
class Target:
    """What a package must run on. `row` is what `runtimes:` says about the runtime, None for nothing."""

    architecture: Architecture
    runtime: str
    row: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.architecture} {self.runtime}"

    @property
    def resolved(self) -> PackagingTarget:
        """The target with its row of the table of runtimes; `row` replaces or adds one."""
        return target_of(str(self.architecture), self.runtime, {self.runtime: self.row} if self.row else None)

    @property
    def build_runtime(self) -> dict[str, str]:
        """What CodeBuild's image provides for it: `runtime-versions` of buildspecs, empty for none."""
        if self.resolved.runtime.python:
            return {"python": self.resolved.runtime.python}
        node = _NODE.fullmatch(self.runtime)
        return {"nodejs": node[1]} if node else {}


@dataclass(frozen=True)
class AllowPlan:
    """A finding of the inspection that does not stop the package: rule, names in the zip, subjects, and why."""

    rule: str
    file: str
    subject: str
    reason: str

    @property
    def allowance(self) -> Allowance:
        """The same, as the inspection takes it."""
        return Allowance(Rule(self.rule), self.reason, self.file, self.subject)


@dataclass(frozen=True)
class VpcPlan:
    """The network of a build, by ids."""

    id: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


@dataclass(frozen=True)
class CachePlan:
    """What CodeBuild keeps for later builds: folders as buildspecs write them, and layers of Docker images."""

    kind: CacheKind
    paths: tuple[str, ...]
    docker_layers: bool

    @property
    def modes(self) -> list[str]:
        """The modes of a local cache, in CodeBuild's words (`CacheMode`)."""
        modes = {"LOCAL_CUSTOM_CACHE": bool(self.paths), "LOCAL_DOCKER_LAYER_CACHE": self.docker_layers}
        return [mode for mode, wanted in modes.items() if wanted]


@dataclass(frozen=True)
class BuildPlan:
    """One package and the CodeBuild project that builds it.

    `source`, `requirements` and `output` are paths in the repository; `requirements` is None for a package without
    dependencies, `output` for one that no commands make. `system_packages` are names for whatever package manager
    the image has, or lists by manager. `registry_credential` and `fleet` are ARNs.
    """

    package: str
    kind: Kind
    target: Target
    source: str
    requirements: str | None
    environment: Mapping[str, str]
    system_packages: tuple[str, ...] | Mapping[str, tuple[str, ...]]
    commands: tuple[str, ...]
    output: str | None
    exclude: tuple[str, ...]
    bytecode: bool
    smoke: tuple[str, ...]
    allow: tuple[AllowPlan, ...]
    allow_pure: tuple[str, ...]
    where: Where
    keep_wheels: bool
    codebuild_project: str
    environment_type: str
    image: str
    registry_credential: str | None
    compute_type: str
    privileged: bool
    fleet: str | None
    vpc: VpcPlan | None
    cache: CachePlan | None
    timeout_minutes: int
    queue_timeout_minutes: int
    concurrent_builds: int | None
    log_retention_days: int
    reuse_hours: int

    @property
    def on_lambda(self) -> bool:
        """Whether its builds run on Lambda compute."""
        return "_LAMBDA_" in self.environment_type

    @property
    def runtime_versions(self) -> dict[str, str]:
        """What the buildspec asks of the image: only CodeBuild's images for containers can switch runtimes."""
        facts = facts_of(self.image)
        return self.target.build_runtime if facts.curated and facts.lambda_runtime is None else {}


@dataclass(frozen=True)
class ArtifactsPlan:
    """Where packages are stored.

    `bucket` None means the project's own bucket, named by Terraform; `key_arn` None that S3's own key encrypts it.
    """

    bucket: str | None
    key_arn: str | None
    managed: bool
    prefix: str
    retention_days: int


@dataclass(frozen=True)
class GitLabPlan:
    """The GitLab project that builds come from and return to, and the names of its SSM parameters.

    `project` is the id or full path. `trigger_parameter` is None with `return: wait`, where nobody needs a token; the
    clone fields are None unless the source is `clone`.
    """

    url: str
    project: str
    trigger_parameter: str | None
    clone_url: str | None
    username_parameter: str | None
    token_parameter: str | None

    @property
    def clone_parameters(self) -> list[str]:
        """The names of the SSM parameters that a build clones with."""
        return [name for name in (self.username_parameter, self.token_parameter) if name]

    @property
    def repository(self) -> str:
        """The address to clone, as far as it is known: a project that is named by its number has none."""
        return self.clone_url or (f"{self.url}/{self.project}.git" if "/" in self.project else "")

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
class HandbackPlan:
    """The function that brings builds home, its zip by digest. None of the ARNs means what AWS does by itself."""

    code_sha256: str
    inputs: bool
    alarm_topic_arn: str | None
    log_retention_days: int
    reserved_concurrency: int | None
    log_key_arn: str | None
    token_key_arn: str | None


@dataclass(frozen=True)
class Plan:
    """Everything that prebuild, build and postbuild will do. Equal plans do equal things.

    `handback` is there with `return: event`, and None otherwise.
    """

    project: str
    region: str
    return_: Return
    source: Source
    artifacts: ArtifactsPlan
    gitlab: GitLabPlan
    handback: HandbackPlan | None
    state: StatePlan
    permissions_boundary: str | None
    functions_boundary: str | None
    tags: Mapping[str, str]
    builds: tuple[BuildPlan, ...]
    supersede: bool
    tool_sha256: str

    @property
    def build_parameters(self) -> list[str]:
        """The names of the SSM parameters that a build reads; an event tells its end without a token in the build."""
        own = self.gitlab.trigger_parameter if self.return_ is Return.TRIGGER else None
        return [*([own] if own else []), *self.gitlab.clone_parameters]

    @property
    def parameters(self) -> list[str]:
        """The names of all SSM parameters that must exist."""
        own = self.gitlab.trigger_parameter
        return [*([own] if own else []), *self.gitlab.clone_parameters]

    @property
    def longest_minutes(self) -> int:
        """How long a build of this plan may take at most, with its time in the queue: whoever waits needs as long."""
        return max((build.timeout_minutes + build.queue_timeout_minutes for build in self.builds), default=0)

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
