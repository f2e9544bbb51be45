"""The predefined variables (GitLab docs: ci/variables/predefined_variables)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.emulator.gitlab.git.repository import Commit
from orchestrator.emulator.gitlab.records import NO_SHA, Job, Pipeline, Project, User

VERSION = "18.4.0"
REVISION = "emulator"


def slug(text: str) -> str:
    """Return a text as GitLab makes it fit for host names: lower case, at most 63 characters."""
    lowered = re.sub(r"[^a-z0-9]", "-", text.lower())[:63]
    return lowered.strip("-")


@dataclass(frozen=True)
class Server:
    """The address of the emulator."""

    url: str

    @property
    def host(self) -> str:
        """Return the host name."""
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> str:
        """Return the port."""
        parts = urlsplit(self.url)
        return str(parts.port or (443 if parts.scheme == "https" else 80))

    @property
    def address(self) -> str:
        """Return host and port as they stand in the URL."""
        return urlsplit(self.url).netloc

    def variables(self) -> dict[str, str]:
        """Return `CI_SERVER_*` and `CI_API_*`."""
        major, minor, patch = VERSION.split(".")
        return {
            "CI_API_V4_URL": f"{self.url}/api/v4",
            "CI_API_GRAPHQL_URL": f"{self.url}/api/graphql",
            "CI_SERVER": "yes",
            "CI_SERVER_FQDN": self.address,
            "CI_SERVER_HOST": self.host,
            "CI_SERVER_NAME": "GitLab",
            "CI_SERVER_PORT": self.port,
            "CI_SERVER_PROTOCOL": urlsplit(self.url).scheme,
            "CI_SERVER_REVISION": REVISION,
            "CI_SERVER_SHELL_SSH_HOST": self.host,
            "CI_SERVER_SHELL_SSH_PORT": "22",
            "CI_SERVER_URL": self.url,
            "CI_SERVER_VERSION": VERSION,
            "CI_SERVER_VERSION_MAJOR": major,
            "CI_SERVER_VERSION_MINOR": minor,
            "CI_SERVER_VERSION_PATCH": patch,
            "CI_TEMPLATE_REGISTRY_HOST": "registry.gitlab.com",
        }


def of_project(project: Project, server: Server) -> dict[str, str]:
    """Return `CI_PROJECT_*` and what else follows from the project."""
    return {
        "CI_CONFIG_PATH": project.setting("ci_config_path") or ".gitlab-ci.yml",
        "CI_DEFAULT_BRANCH": project.default_branch,
        "CI_DEFAULT_BRANCH_SLUG": slug(project.default_branch),
        "CI_PROJECT_CLASSIFICATION_LABEL": "",
        "CI_PROJECT_DESCRIPTION": project.description or "",
        "CI_PROJECT_ID": str(project.id),
        "CI_PROJECT_NAME": project.path,
        "CI_PROJECT_NAMESPACE": project.namespace,
        "CI_PROJECT_NAMESPACE_SLUG": slug(project.namespace),
        "CI_PROJECT_PATH": project.full_path,
        "CI_PROJECT_PATH_SLUG": slug(project.full_path),
        "CI_PROJECT_REPOSITORY_LANGUAGES": "",
        "CI_PROJECT_ROOT_NAMESPACE": project.namespace.split("/")[0],
        "CI_PROJECT_TITLE": project.name,
        "CI_PROJECT_URL": f"{server.url}/{project.full_path}",
        "CI_PROJECT_VISIBILITY": project.visibility,
        "CI_PAGES_DOMAIN": "example.io",
    }


def of_commit(commit: Commit, pipeline: Pipeline, *, protected: bool) -> dict[str, str]:
    """Return `CI_COMMIT_*`."""
    variables = {
        "CI_COMMIT_AUTHOR": f"{commit.author_name} <{commit.author_email}>",
        "CI_COMMIT_BEFORE_SHA": pipeline.before_sha or NO_SHA,
        "CI_COMMIT_DESCRIPTION": _description(commit.message),
        "CI_COMMIT_MESSAGE": commit.message,
        "CI_COMMIT_REF_NAME": pipeline.ref,
        "CI_COMMIT_REF_PROTECTED": "true" if protected else "false",
        "CI_COMMIT_REF_SLUG": slug(pipeline.ref),
        "CI_COMMIT_SHA": commit.sha,
        "CI_COMMIT_SHORT_SHA": commit.sha[:8],
        "CI_COMMIT_TIMESTAMP": commit.committed_at,
        "CI_COMMIT_TITLE": commit.title,
    }
    variables["CI_COMMIT_TAG" if pipeline.tag else "CI_COMMIT_BRANCH"] = pipeline.ref
    return variables


def _description(message: str) -> str:
    lines = message.split("\n", 1)
    return (lines[1] if len(lines[0]) < 100 and len(lines) > 1 else "" if len(lines) == 1 else message).lstrip("\n")


def of_source(pipeline: Pipeline) -> dict[str, str]:
    """Return what says how the pipeline came to be."""
    variables = {"CI_PIPELINE_SOURCE": pipeline.source}
    if pipeline.trigger_short_token is not None:
        variables |= {"CI_PIPELINE_TRIGGERED": "true", "CI_TRIGGER_SHORT_TOKEN": pipeline.trigger_short_token}
    return variables


def of_user(user: User) -> dict[str, str]:
    """Return `GITLAB_USER_*`."""
    return {
        "GITLAB_USER_EMAIL": user.email,
        "GITLAB_USER_ID": str(user.id),
        "GITLAB_USER_LOGIN": user.username,
        "GITLAB_USER_NAME": user.name,
    }


def of_creation(
    project: Project, pipeline: Pipeline, commit: Commit, user: User, server: Server, *, protected: bool
) -> dict[str, str]:
    """Return all that is known when rules are evaluated."""
    return {
        "CI": "true",
        "GITLAB_CI": "true",
        "GITLAB_FEATURES": "",
        "CI_DEPENDENCY_PROXY_SERVER": server.address,
        **server.variables(),
        **of_project(project, server),
        **of_commit(commit, pipeline, protected=protected),
        **of_source(pipeline),
        **of_user(user),
        "CI_PIPELINE_IID": str(pipeline.iid),
    }


def of_pipeline(pipeline: Pipeline, project: Project, server: Server) -> dict[str, str]:
    """Return what is known once the pipeline has a number."""
    return {
        "CI_PIPELINE_CREATED_AT": pipeline.created_at,
        "CI_PIPELINE_ID": str(pipeline.id),
        "CI_PIPELINE_IID": str(pipeline.iid),
        "CI_PIPELINE_NAME": pipeline.name or "",
        "CI_PIPELINE_URL": f"{server.url}/{project.full_path}/-/pipelines/{pipeline.id}",
    }


def of_job(job: Job, project: Project, server: Server) -> dict[str, str]:
    """Return `CI_JOB_*` and what carries the job token."""
    parts = urlsplit(server.url)
    login = f"gitlab-ci-token:{job.token}"
    variables = {
        "CI_JOB_GROUP_NAME": re.sub(r"(: \[.*\]| \d+/\d+)$", "", job.name),
        "CI_JOB_ID": str(job.id),
        "CI_JOB_IMAGE": _image(job),
        "CI_JOB_NAME": job.name,
        "CI_JOB_NAME_SLUG": slug(job.name),
        "CI_JOB_STAGE": job.stage,
        "CI_JOB_STARTED_AT": job.started_at or "",
        "CI_JOB_TIMEOUT": str(job.spec.get("timeout_seconds") or project.setting("build_timeout")),
        "CI_JOB_TOKEN": job.token,
        "CI_JOB_URL": f"{server.url}/{project.full_path}/-/jobs/{job.id}",
        "CI_REGISTRY_PASSWORD": job.token,
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REPOSITORY_URL": f"{parts.scheme}://{login}@{parts.netloc}/{project.full_path}.git",
    }
    if not variables["CI_JOB_IMAGE"]:
        del variables["CI_JOB_IMAGE"]
    if job.when == "manual":
        variables["CI_JOB_MANUAL"] = "true"
    return variables


def _image(job: Job) -> str:
    image = job.spec.get("image")
    return str(image.get("name", "")) if isinstance(image, dict) else str(image or "")
