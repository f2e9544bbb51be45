"""Members of a project, with their roles (docs: api/members)."""

from __future__ import annotations

from werkzeug import Response

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import Call, answer, invalid, message, missing, nothing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.api.users import LEVELS
from orchestrator.emulator.gitlab.records import MAINTAINER, OWNER, Json, Project

routes = Routes()


def _member(call: Call, user_id: int, level: int) -> Json:
    return {**present.user(call.world, call.world.state.users[user_id]), "access_level": level}


@routes.add("GET", "/projects/<project>/members")
@routes.add("GET", "/projects/<project>/members/all")
def members(call: Call) -> Response:
    """List the members of a project."""
    return call.page(sorted(_everyone(call.project()).items()), lambda item: _member(call, *item))


def _everyone(project: Project) -> dict[int, int]:
    return {project.creator_id: OWNER, **{int(key): level for key, level in project.members.items()}}


@routes.add("GET", "/projects/<project>/members/<user_id>")
@routes.add("GET", "/projects/<project>/members/all/<user_id>")
def member(call: Call) -> Response:
    """Show one member."""
    number = call.number("user_id")
    level = _everyone(call.project()).get(number)
    if level is None:
        raise missing()
    return answer(_member(call, number, level))


@routes.add("POST", "/projects/<project>/members")
def add_member(call: Call) -> Response:
    """Give a user a role in a project."""
    project = call.project(MAINTAINER)
    user_id, level = call.number("user_id"), call.number("access_level")
    if user_id not in call.world.state.users:
        raise missing("User")
    if level not in LEVELS:
        raise invalid("access_level does not have a valid value")
    if str(user_id) in project.members:
        raise message(409, "Member already exists")
    project.members[str(user_id)] = level
    call.world.state.save_project(project)
    return answer(_member(call, user_id, level), 201)


@routes.add("DELETE", "/projects/<project>/members/<user_id>")
def remove_member(call: Call) -> Response:
    """Take a user's role away."""
    project = call.project(MAINTAINER)
    if project.members.pop(str(call.number("user_id")), None) is None:
        raise missing()
    call.world.state.save_project(project)
    return nothing()
