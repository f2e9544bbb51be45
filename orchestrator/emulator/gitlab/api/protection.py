"""Protected branches and tags (docs: api/protected_branches, api/protected_tags)."""

from __future__ import annotations

from werkzeug import Response

from orchestrator.emulator.gitlab.api.call import Call, answer, invalid, message, missing, nothing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.pipelines.pushes import access_level, protection
from orchestrator.emulator.gitlab.records import MAINTAINER, Json

routes = Routes()


def _find(rules: list[Json], name: str) -> Json:
    found = next((rule for rule in rules if rule["name"] == name), None)
    if found is None:
        raise missing()
    return found


def _level(call: Call, name: str) -> int:
    if call.params.get(name) is None:
        return MAINTAINER
    level = call.number(name)
    if level not in {0, 30, 40, 60}:
        raise invalid(f"{name} does not have a valid value")
    return level


@routes.add("GET", "/projects/<project>/protected_branches")
def branches(call: Call) -> Response:
    """List the protected branches."""
    return call.page(call.project(MAINTAINER).protected_branches, lambda item: item)


@routes.add("GET", "/projects/<project>/protected_branches/<name>")
def branch(call: Call) -> Response:
    """Show a protected branch."""
    return answer(_find(call.project(MAINTAINER).protected_branches, call.args["name"]))


@routes.add("POST", "/projects/<project>/protected_branches")
def protect_branch(call: Call) -> Response:
    """Protect a branch, or all that fit a pattern with `*`."""
    project = call.project(MAINTAINER)
    (name,) = call.require("name")
    if any(rule["name"] == name for rule in project.protected_branches):
        raise message(409, f"Protected branch '{name}' already exists")
    rule = protection(
        name,
        push=_level(call, "push_access_level"),
        merge=_level(call, "merge_access_level"),
        force=call.flag("allow_force_push"),
    )
    rule["id"] = call.world.state.next_id("protection")
    project.protected_branches.append(rule)
    call.world.state.save_project(project)
    return answer(rule, 201)


@routes.add("DELETE", "/projects/<project>/protected_branches/<name>")
def unprotect_branch(call: Call) -> Response:
    """Let a branch be unprotected."""
    project = call.project(MAINTAINER)
    project.protected_branches.remove(_find(project.protected_branches, call.args["name"]))
    call.world.state.save_project(project)
    return nothing()


@routes.add("GET", "/projects/<project>/protected_tags")
def tags(call: Call) -> Response:
    """List the protected tags."""
    return call.page(call.project(MAINTAINER).protected_tags, lambda item: item)


@routes.add("GET", "/projects/<project>/protected_tags/<name>")
def tag(call: Call) -> Response:
    """Show a protected tag."""
    return answer(_find(call.project(MAINTAINER).protected_tags, call.args["name"]))


@routes.add("POST", "/projects/<project>/protected_tags")
def protect_tag(call: Call) -> Response:
    """Protect a tag, or all that fit a pattern with `*`."""
    project = call.project(MAINTAINER)
    (name,) = call.require("name")
    if any(rule["name"] == name for rule in project.protected_tags):
        raise message(409, f"Protected tag '{name}' already exists")
    rule = {"name": name, "create_access_levels": [access_level(_level(call, "create_access_level"))]}
    project.protected_tags.append(rule)
    call.world.state.save_project(project)
    return answer(rule, 201)


@routes.add("DELETE", "/projects/<project>/protected_tags/<name>")
def unprotect_tag(call: Call) -> Response:
    """Let a tag be unprotected."""
    project = call.project(MAINTAINER)
    project.protected_tags.remove(_find(project.protected_tags, call.args["name"]))
    call.world.state.save_project(project)
    return nothing()
