"""Projects: create, show, list, edit, delete."""

from __future__ import annotations

import re
import shutil
from typing import Any

from werkzeug import Response

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import Call, answer, forbidden, invalid, message
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.api.users import make_group
from orchestrator.emulator.gitlab.pipelines.actions import cancel_pipeline
from orchestrator.emulator.gitlab.records import GUEST, MAINTAINER, OWNER, Project

routes = Routes()

_PATH = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_BAD_END = (".git", ".atom", "-", ".")
_ROLES = ("no_one_allowed", "developer", "maintainer", "owner")
# A project member may set these; the values are kept and shown, and obeyed where the emulator knows how.
_CHOICES: dict[str, tuple[str, ...]] = {
    "ci_pipeline_variables_minimum_override_role": _ROLES,
    "auto_cancel_pending_pipelines": ("enabled", "disabled"),
    "build_git_strategy": ("fetch", "clone"),
}
_NUMBERS = ("build_timeout", "ci_default_git_depth")
_FLAGS = ("jobs_enabled", "keep_latest_artifact", "public_jobs", "restrict_user_defined_variables")
_VISIBILITIES = ("private", "internal", "public")


@routes.add("POST", "/projects")
def create(call: Call) -> Response:
    """Create a project in the caller's namespace, or in the group that `namespace_id` (number or path) names."""
    caller = call.caller
    name, path = call.text("name"), call.text("path")
    if not name and not path:
        raise invalid("name, path are missing, at least one parameter must be provided")
    path = path or re.sub(r"[^A-Za-z0-9_.-]+", "-", name or "").strip("-").lower()
    if not _PATH.fullmatch(path) or path.endswith(_BAD_END):
        raise message(400, {"path": ["can contain only letters, digits, '_', '-' and '.'. Cannot start with '-', "
                                     "end in '.git' or end in '.atom'"]})  # fmt: skip
    namespace = _namespace(call)
    state = call.world.state
    with state.lock:
        if state.project_at(f"{namespace}/{path}") or state.group_at(f"{namespace}/{path}"):
            taken = ["has already been taken"]
            raise message(400, {"project_namespace.name": taken, "name": taken, "path": taken})
        project = Project(state.next_id("project"), name or path, path, namespace, caller.user.id)
        project.default_branch = call.text("default_branch") or "main"
        _apply(call, project)
        call.world.repository(project).create(project.default_branch)
        state.save_project(project)
    if call.flag("initialize_with_readme"):
        _initialise(call, project)
    return answer(present.project(call.world, project), 201)


def _namespace(call: Call) -> str:
    wanted = call.params.get("namespace_id", call.params.get("namespace"))
    if wanted in (None, ""):
        return call.caller.user.username
    state, text = call.world.state, str(wanted)
    if re.fullmatch(r"\d{1,18}", text, re.ASCII):
        group = state.groups.get(int(text))
        if group is None:
            raise message(400, {"namespace": ["is not valid"]})
        return group.full_path
    if any(user.username == text for user in state.users.values()):
        return text
    return make_group(call, text.strip("/")).full_path


def _initialise(call: Call, project: Project) -> None:
    from orchestrator.emulator.gitlab.api.commits import commit_changes
    from orchestrator.emulator.gitlab.git.write import Change

    change = Change("create", "README.md", f"# {project.name}\n".encode())
    commit_changes(call, project, project.default_branch, None, [change], "Initial commit")


def _apply(call: Call, project: Project) -> None:
    params = call.params
    for key, allowed in _CHOICES.items():
        if key in params:
            project.settings[key] = _one_of(key, params[key], allowed)
    for key in _NUMBERS:
        if params.get(key) is not None:
            project.settings[key] = call.number(key)
    for key in _FLAGS:
        if key in params:
            project.settings[key] = call.flag(key)
    _apply_texts(call, project)


def _apply_texts(call: Call, project: Project) -> None:
    params = call.params
    if "builds_access_level" in params:
        project.settings["jobs_enabled"] = params["builds_access_level"] != "disabled"
    if "ci_config_path" in params:
        project.settings["ci_config_path"] = call.text("ci_config_path") or ""
    if "visibility" in params:
        project.visibility = _one_of("visibility", params["visibility"], _VISIBILITIES)
    if "description" in params:
        project.description = call.text("description")


def _one_of(key: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise invalid(f"{key} does not have a valid value")
    return str(value)


@routes.add("GET", "/projects")
def listing(call: Call) -> Response:
    """List the projects that the caller may see; `search`, `membership` and `owned` narrow it."""
    wanted = (call.text("search") or "").lower()
    level = OWNER if call.flag("owned") else GUEST
    projects = sorted(call.world.state.projects.values(), key=lambda item: -item.id)
    seen = [
        item
        for item in projects
        if (call.identity.level(item) >= level if call.identity else item.visibility == "public")
        and wanted in f"{item.full_path} {item.name}".lower()
    ]
    return call.page(seen, lambda item: present.project(call.world, item))


@routes.add("GET", "/projects/<project>")
def show(call: Call) -> Response:
    """Show a project."""
    return answer(present.project(call.world, call.project()))


@routes.add("PUT", "/projects/<project>")
def edit(call: Call) -> Response:
    """Change a project's settings."""
    project = call.project(MAINTAINER)
    key = "ci_pipeline_variables_minimum_override_role"
    locked = {project.setting(key), call.text(key)} & {"owner", "no_one_allowed"}
    if key in call.params and locked and call.caller.level(project) < OWNER:
        raise forbidden()
    with call.world.state.lock:
        _apply(call, project)
        if call.text("name"):
            project.name = call.text("name") or project.name
        if branch := call.text("default_branch"):
            if branch not in call.world.repository(project).branches():
                raise message(400, "Could not set the default branch")
            project.default_branch = branch
            call.world.repository(project).set_default_branch(branch)
        call.world.state.save_project(project)
    return answer(present.project(call.world, project))


@routes.add("DELETE", "/projects/<project>")
def delete(call: Call) -> Response:
    """Delete a project with its repository, pipelines, logs and artifacts."""
    project = call.project(OWNER)
    world = call.world
    folders = [world.repository(project).path, world.directory / "terraform" / str(project.id)]
    for pipeline in list(world.state.pipelines_of(project)):
        cancel_pipeline(world.state, pipeline)
        for job in pipeline.jobs:
            world.trace(job).unlink(missing_ok=True)
            folders.append(world.artifacts(job))
    world.state.remove_project(project)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return answer({"message": "202 Accepted"}, 202)
