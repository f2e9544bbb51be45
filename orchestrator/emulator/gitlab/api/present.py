"""How records look in answers of the API."""

from __future__ import annotations

from typing import Any

from orchestrator.emulator.gitlab.git.repository import Commit
from orchestrator.emulator.gitlab.records import (
    DEFAULT_SETTINGS,
    Job,
    Json,
    Pipeline,
    Project,
    User,
    Variable,
    seconds_between,
)
from orchestrator.emulator.gitlab.world import World


def user(world: World, record: User) -> Json:
    """Return a user as others see them."""
    return {
        "id": record.id,
        "username": record.username,
        "name": record.name,
        "state": record.state,
        "locked": False,
        "avatar_url": None,
        "web_url": f"{world.server.url}/{record.username}",
    }


def namespace(world: World, path: str) -> Json:
    """Return the namespace of a project: a group, or a user's own."""
    group = world.state.group_at(path)
    name = path.rsplit("/", 1)[-1]
    return {
        "id": group.id if group else next((u.id for u in world.state.users.values() if u.username == path), 0),
        "name": group.name if group else name,
        "path": name,
        "kind": "group" if group else "user",
        "full_path": path,
        "parent_id": group.parent_id if group else None,
        "web_url": f"{world.server.url}/{path}",
    }


def project(world: World, record: Project) -> Json:
    """Return a project with its CI settings."""
    url = world.project_url(record)
    repository = world.repository(record)
    settings = {name: record.setting(name) for name in {**DEFAULT_SETTINGS, **record.settings}}
    return {
        **settings,
        "id": record.id,
        "name": record.name,
        "path": record.path,
        "path_with_namespace": record.full_path,
        "name_with_namespace": f"{record.namespace} / {record.name}",
        "description": record.description,
        "visibility": record.visibility,
        "default_branch": record.default_branch if repository.branches() else None,
        "empty_repo": not repository.branches(),
        "archived": False,
        "created_at": record.created_at,
        "last_activity_at": record.last_activity_at,
        "creator_id": record.creator_id,
        "namespace": namespace(world, record.namespace),
        "http_url_to_repo": f"{url}.git",
        "ssh_url_to_repo": f"git@{world.server.host}:{record.full_path}.git",
        "web_url": url,
        "readme_url": None,
        "topics": [],
        "tag_list": [],
        "forks_count": 0,
        "star_count": 0,
        "ci_config_path": record.setting("ci_config_path") or None,
        "builds_access_level": "enabled" if record.setting("jobs_enabled") else "disabled",
        "_links": {"self": f"{world.server.url}/api/v4/projects/{record.id}"},
    }


def pipeline(world: World, record: Pipeline) -> Json:
    """Return a pipeline as it stands in lists."""
    owner = world.state.projects[record.project_id]
    return {
        "id": record.id,
        "iid": record.iid,
        "project_id": record.project_id,
        "sha": record.sha,
        "ref": record.ref,
        "status": record.status,
        "source": record.source,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "web_url": f"{world.project_url(owner)}/-/pipelines/{record.id}",
        "name": record.name,
    }


def pipeline_detail(world: World, record: Pipeline) -> Json:
    """Return a pipeline with all its facts."""
    return {
        **pipeline(world, record),
        "before_sha": record.before_sha,
        "tag": record.tag,
        "yaml_errors": record.yaml_errors,
        "user": user(world, world.state.users[record.user_id]),
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "committed_at": None,
        "duration": seconds_between(record.started_at, record.finished_at),
        "queued_duration": seconds_between(record.created_at, record.started_at),
        "coverage": None,
        "failure_reason": record.failure_reason,
        "detailed_status": _detailed(world, record),
    }


def _detailed(world: World, record: Pipeline) -> Json:
    icon = "warning" if record.status == "success" and any(_warns(job) for job in record.latest) else record.status
    words = {"success": "passed", "warning": "passed with warnings"}
    text = words.get(icon, record.status)
    owner = world.state.projects[record.project_id]
    return {
        "icon": f"status_{icon}",
        "text": text.capitalize(),
        "label": text,
        "group": "success-with-warnings" if icon == "warning" else record.status,
        "tooltip": text,
        "has_details": True,
        "details_path": f"/{owner.full_path}/-/pipelines/{record.id}",
    }


def _warns(job: Job) -> bool:
    return job.status == "failed" and job.allow_failure


def job(world: World, record: Job) -> Json:
    """Return a job; `exit_code` is an extra that GitLab itself does not show."""
    owner = world.project_of(record)
    parent = world.state.pipelines[record.pipeline_id]
    archive = next((item for item in record.artifacts if item["file_type"] == "archive"), None)
    shown = {
        "id": record.id,
        "status": record.status,
        "stage": record.stage,
        "name": record.name,
        "ref": record.ref,
        "tag": record.tag,
        "coverage": record.coverage,
        "allow_failure": record.allow_failure,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "erased_at": record.erased_at,
        "duration": seconds_between(record.started_at, record.finished_at),
        "queued_duration": seconds_between(record.queued_at, record.started_at),
        "user": user(world, world.state.users[record.user_id]),
        "commit": commit(world, owner, world.repository(owner).commit(record.sha)),
        "pipeline": pipeline(world, parent),
        "web_url": f"{world.project_url(owner)}/-/jobs/{record.id}",
        "project": {"ci_job_token_scope_enabled": False},
        "artifacts": record.artifacts,
        "runner": {"id": 1, "description": "emulator", "active": True, "is_shared": True, "status": "online"}
        if record.started_at
        else None,
        "runner_manager": None,
        "artifacts_expire_at": record.artifacts_expire_at,
        "archived": False,
        "tag_list": record.spec.get("tags", []),
        "exit_code": record.exit_code,
        "retried": record.retried,
    }
    if archive:
        shown["artifacts_file"] = {"filename": archive["filename"], "size": archive["size"]}
    if record.failure_reason:
        shown["failure_reason"] = record.failure_reason
    return shown


def status(world: World, record: Job) -> Json:
    """Return a commit status; jobs are statuses too."""
    owner = world.project_of(record)
    return {
        "id": record.id,
        "sha": record.sha,
        "ref": record.ref,
        "status": record.status,
        "name": record.name,
        "target_url": record.target_url if record.external else f"{world.project_url(owner)}/-/jobs/{record.id}",
        "description": record.description,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "allow_failure": record.allow_failure,
        "coverage": record.coverage,
        "pipeline_id": record.pipeline_id,
        "author": user(world, world.state.users[record.user_id]),
    }


def commit(world: World, owner: Project, record: Commit) -> Json:
    """Return a commit."""
    return {
        "id": record.sha,
        "short_id": record.sha[:8],
        "created_at": record.committed_at,
        "parent_ids": record.parents,
        "title": record.title,
        "message": record.message,
        "author_name": record.author_name,
        "author_email": record.author_email,
        "authored_date": record.authored_at,
        "committer_name": record.committer_name,
        "committer_email": record.committer_email,
        "committed_date": record.committed_at,
        "trailers": {},
        "extended_trailers": {},
        "web_url": f"{world.project_url(owner)}/-/commit/{record.sha}",
    }


def variable(record: Variable) -> Json:
    """Return a project variable; a hidden one keeps its value to itself."""
    return {
        "key": record.key,
        "value": None if record.hidden else record.value,
        "variable_type": record.variable_type,
        "protected": record.protected,
        "masked": record.masked,
        "hidden": record.hidden,
        "raw": record.raw,
        "environment_scope": record.environment_scope,
        "description": record.description,
    }


def pipeline_variable(record: Variable) -> dict[str, Any]:
    """Return a variable of a pipeline."""
    return {"key": record.key, "value": record.value, "variable_type": record.variable_type, "raw": record.raw}


__all__ = [
    "commit",
    "job",
    "namespace",
    "pipeline",
    "pipeline_detail",
    "pipeline_variable",
    "project",
    "status",
    "user",
    "variable",
]
