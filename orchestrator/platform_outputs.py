"""What `orchestrator platform` publishes in the SSM Parameter Store: the names, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# One platform for each account and region, so the names need neither.
ROOT = "/orchestrator/platform/"
# Of this set of names and what they mean; a platform of another version is not read.
VERSION = "1"

_VERSION, _BUCKET, _KEY, _STATE = "version", "bucket", "key_arn", "state_bucket"
_PROVIDER, _GITLAB, _AUDIENCE = "oidc_provider_arn", "gitlab_url", "audience"
_APPLY, _START, _BOUND, _PATH = "apply_arn", "start_arn", "permissions_boundary_arn", "gitlab_project"
_DEPLOY, _FUNCTIONS = "deploy_arn", "functions_boundary_arn"


class OutdatedPlatformError(Exception):
    """What is published is of another version, or not whole; `observed` says what."""

    def __init__(self, observed: str) -> None:
        super().__init__(observed)
        self.observed = observed


@dataclass(frozen=True)
class ProjectAccess:
    """What the jobs of one project take: two roles, and the bound of every role that `prebuild` makes for it.

    A project that deploys has a third role, and the bound of the roles of its functions; None for one that does not.
    """

    project: str  # `project` of orchestrator.yml
    gitlab_project: str  # full path in GitLab
    apply_arn: str
    start_arn: str
    permissions_boundary_arn: str
    deploy_arn: str | None = None
    functions_boundary_arn: str | None = None

    @property
    def artifact_prefix(self) -> str:
        """`artifacts.prefix` of the project: its roles may touch nothing else in the bucket."""
        return self.project

    @property
    def state_key(self) -> str:
        """`terraform.key` of the project in the state bucket; what `orchestrator.yml` has by default."""
        return f"{self.project}/terraform.tfstate"


@dataclass(frozen=True)
class PlatformOutputs:
    """What a platform offers; `projects` by `project` of their `orchestrator.yml`."""

    bucket: str
    key_arn: str
    state_bucket: str
    oidc_provider_arn: str
    gitlab_url: str
    audience: str
    projects: Mapping[str, ProjectAccess]

    def of_gitlab_project(self, path: str) -> ProjectAccess | None:
        """Return what the GitLab project of this full path was given; None when the platform does not know it."""
        return next((item for item in self.projects.values() if item.gitlab_project.lower() == path.lower()), None)


def platform_names() -> dict[str, str]:
    """Return the full name of each value that there is once, by what it is."""
    return {key: f"{ROOT}{key}" for key in (_VERSION, _BUCKET, _KEY, _STATE, _PROVIDER, _GITLAB, _AUDIENCE)}


def project_names(project: str, *, deploys: bool = False) -> dict[str, str]:
    """Return the full name of each value of one project, by what it is."""
    keys = (_APPLY, _START, _BOUND, _PATH, *((_DEPLOY, _FUNCTIONS) if deploys else ()))
    return {key: f"{ROOT}roles/{project}/{key}" for key in keys}


def read_outputs(values: Mapping[str, str]) -> PlatformOutputs | None:
    """Return what the parameters below `ROOT` say, by full name; None when there is no platform.

    Raises `OutdatedPlatformError` for another version, and for one that lacks a value: it is being made or taken away.
    A project of which something is missing is left out, but for what only a project that deploys has.
    """
    if not values:
        return None
    names = platform_names()
    version = values.get(names[_VERSION])
    if version != VERSION:
        raise OutdatedPlatformError(f"`{names[_VERSION]}` is {f'`{version}`' if version else 'not there'}")
    missing = [name for name in names.values() if name not in values]
    if missing:
        raise OutdatedPlatformError(f"`{missing[0]}` is not there")
    return PlatformOutputs(
        **{key: values[name] for key, name in names.items() if key != _VERSION}, projects=_projects(values)
    )


def _projects(values: Mapping[str, str]) -> dict[str, ProjectAccess]:
    beginning = f"{ROOT}roles/"
    slugs = {name.removeprefix(beginning).partition("/")[0] for name in values if name.startswith(beginning)}
    return {
        slug: ProjectAccess(slug, **_known(slug, values))
        for slug in sorted(slugs)
        if all(name in values for name in project_names(slug).values())
    }


def _known(slug: str, values: Mapping[str, str]) -> dict[str, str]:
    found = {key: values[name] for key, name in project_names(slug, deploys=True).items() if name in values}
    # One without the other is being made or taken away.
    whole = {_DEPLOY, _FUNCTIONS} <= set(found)
    return {key: value for key, value in found.items() if whole or key not in (_DEPLOY, _FUNCTIONS)}
