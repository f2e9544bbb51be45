"""The things GitLab remembers, as plain records that are written to disk as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

Json = dict[str, Any]

GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 20, 30, 40, 50
NO_SHA = "0" * 40

DONE = frozenset({"success", "failed", "canceled", "skipped"})


def now() -> str:
    """Return the current time as GitLab writes it: ISO 8601, UTC, milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Return the seconds from one such time to another, None when either is missing."""
    if not start or not end:
        return None
    first, last = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (start, end))
    return round((last - first).total_seconds(), 3)


@dataclass
class User:
    """A person, or the bot behind a project access token."""

    id: int
    username: str
    name: str
    email: str
    admin: bool = False
    bot: bool = False
    state: str = "active"
    created_at: str = field(default_factory=now)


@dataclass
class AccessToken:
    """A personal or project access token."""

    id: int
    token: str
    user_id: int
    name: str
    scopes: list[str]
    project_id: int | None = None
    access_level: int = MAINTAINER
    revoked: bool = False
    expires_at: str | None = None
    created_at: str = field(default_factory=now)


@dataclass
class Group:
    """A group; its `full_path` may have several segments."""

    id: int
    name: str
    path: str
    full_path: str
    parent_id: int | None = None


@dataclass
class Variable:
    """A CI/CD variable of a project or of one pipeline."""

    key: str
    value: str
    variable_type: str = "env_var"
    protected: bool = False
    masked: bool = False
    hidden: bool = False
    raw: bool = False
    environment_scope: str = "*"
    description: str | None = None


@dataclass
class Trigger:
    """A pipeline trigger token."""

    id: int
    token: str
    description: str
    owner_id: int
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    last_used: str | None = None
    expires_at: str | None = None


@dataclass
class MergeRequest:
    """A request to merge a branch of a project into another one of it."""

    id: int
    iid: int
    author_id: int
    source_branch: str
    target_branch: str
    title: str
    description: str | None = None
    state: str = "opened"
    sha: str = ""
    merge_commit_sha: str | None = None
    remove_source_branch: bool = False
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    merged_at: str | None = None


@dataclass
class Project:
    """A project with its settings, variables, trigger tokens and protected refs."""

    id: int
    name: str
    path: str
    namespace: str
    creator_id: int
    description: str | None = None
    visibility: str = "private"
    default_branch: str = "main"
    created_at: str = field(default_factory=now)
    last_activity_at: str = field(default_factory=now)
    pipelines_created: int = 0
    settings: Json = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    protected_branches: list[Json] = field(default_factory=list)
    protected_tags: list[Json] = field(default_factory=list)
    merge_requests: list[MergeRequest] = field(default_factory=list)

    @property
    def full_path(self) -> str:
        """Return namespace and path, as they stand in URLs."""
        return f"{self.namespace}/{self.path}"

    def setting(self, name: str) -> Any:
        """Return a CI setting, or GitLab's default for it."""
        return self.settings.get(name, DEFAULT_SETTINGS.get(name))

    @classmethod
    def load(cls, data: Json) -> Project:
        """Return the project that `asdict` wrote."""
        data = dict(data)
        data["variables"] = [Variable(**item) for item in data["variables"]]
        data["triggers"] = [Trigger(**item) for item in data["triggers"]]
        data["merge_requests"] = [MergeRequest(**item) for item in data.get("merge_requests", ())]
        return cls(**data)


DEFAULT_SETTINGS: Json = {
    "auto_cancel_pending_pipelines": "enabled",
    "build_timeout": 3600,
    "ci_config_path": "",
    "ci_default_git_depth": 20,
    "ci_pipeline_variables_minimum_override_role": "maintainer",
    "build_git_strategy": "fetch",
    "jobs_enabled": True,
    "keep_latest_artifact": True,
    "public_jobs": True,
}


@dataclass
class Job:
    """One job of a pipeline, or an external commit status (`external`)."""

    id: int
    pipeline_id: int
    project_id: int
    name: str
    stage: str
    stage_index: int
    ref: str
    tag: bool
    sha: str
    user_id: int
    status: str = "created"
    when: str = "on_success"
    allow_failure: bool = False
    allow_failure_exit_codes: list[int] | None = None
    external: bool = False
    target_url: str | None = None
    description: str | None = None
    coverage: float | None = None
    spec: Json = field(default_factory=dict)
    token: str = ""
    exit_code: int | None = None
    failure_reason: str | None = None
    retried: bool = False
    attempt: int = 1
    played_by: int | None = None
    extra_variables: list[Json] = field(default_factory=list)
    dotenv: list[list[str]] = field(default_factory=list)
    artifacts: list[Json] = field(default_factory=list)
    artifacts_expire_at: str | None = None
    erased_at: str | None = None
    created_at: str = field(default_factory=now)
    queued_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    process: int | None = None

    @property
    def done(self) -> bool:
        """Tell whether the job will not change any more by itself."""
        return self.status in DONE


@dataclass
class Pipeline:
    """One pipeline; `variables` are those its creator gave, `yaml_variables` the configuration's."""

    id: int
    iid: int
    project_id: int
    ref: str
    tag: bool
    sha: str
    before_sha: str
    source: str
    user_id: int
    status: str = "created"
    name: str | None = None
    yaml_errors: str | None = None
    failure_reason: str | None = None
    variables: list[Variable] = field(default_factory=list)
    trigger_short_token: str | None = None
    upstream_job_id: int | None = None
    auto_cancel: str = "conservative"
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    started_at: str | None = None
    finished_at: str | None = None
    jobs: list[Job] = field(default_factory=list)

    @property
    def latest(self) -> list[Job]:
        """Return the jobs that count: of retried ones only the newest."""
        return [job for job in self.jobs if not job.retried]

    @classmethod
    def load(cls, data: Json) -> Pipeline:
        """Return the pipeline that `asdict` wrote."""
        data = dict(data)
        data["variables"] = [Variable(**item) for item in data["variables"]]
        data["jobs"] = [Job(**item) for item in data["jobs"]]
        return cls(**data)


def as_json(record: Any) -> Json:
    """Return a record as JSON-ready data."""
    return asdict(record)
