"""CI/CD variables of a project (docs: api/project_level_variables)."""

from __future__ import annotations

import re

from werkzeug import Response

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import Call, answer, invalid, message, missing, nothing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.records import MAINTAINER, Project, Variable

routes = Routes()

_KEY = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
# A value that may hold references must not have what could be part of one (GitLab docs: ci/variables, masking).
_MASKED, _MASKED_RAW = re.compile(r"[A-Za-z0-9_+=/@:.~-]{8,}", re.ASCII), re.compile(r"\S{8,}")
_FLAGS = ("protected", "masked", "raw")


@routes.add("GET", "/projects/<project>/variables")
def listing(call: Call) -> Response:
    """List the variables of a project."""
    return call.page(call.project(MAINTAINER).variables, present.variable)


@routes.add("POST", "/projects/<project>/variables")
def create(call: Call) -> Response:
    """Create a variable."""
    project = call.project(MAINTAINER)
    (key,) = call.require("key")
    if call.params.get("value") is None:
        raise invalid("value is missing")
    variable = Variable(key, "")
    _apply(call, variable)
    if call.flag("masked_and_hidden"):
        variable.masked = variable.hidden = True
    _check(variable)
    with call.world.state.lock:
        if any(item.key == key and item.environment_scope == variable.environment_scope for item in project.variables):
            raise message(400, {"key": [f"({key}) has already been taken"]})
        project.variables.append(variable)
        call.world.state.save_project(project)
    return answer(present.variable(variable), 201)


def _apply(call: Call, variable: Variable) -> None:
    if call.params.get("value") is not None:
        variable.value = call.text("value") or ""
    for name in _FLAGS:
        if name in call.params:
            setattr(variable, name, call.flag(name))
    kind = call.text("variable_type")
    if kind is not None:
        if kind not in {"env_var", "file"}:
            raise invalid("variable_type does not have a valid value")
        variable.variable_type = kind
    variable.environment_scope = call.text("environment_scope") or variable.environment_scope
    if "description" in call.params:
        variable.description = call.text("description")


def _check(variable: Variable) -> None:
    if not _KEY.fullmatch(variable.key):
        raise message(400, {"key": ["can contain only letters, digits and '_'."]})
    if variable.masked and not (_MASKED_RAW if variable.raw else _MASKED).fullmatch(variable.value):
        raise message(400, {"value": ["is invalid"]})


def _variable(call: Call, project: Project) -> Variable:
    wanted = call.params.get("filter")
    scope = wanted.get("environment_scope") if isinstance(wanted, dict) else None
    found = [item for item in project.variables if item.key == call.args["key"]]
    if scope is not None:
        found = [item for item in found if item.environment_scope == scope]
    if not found:
        raise missing("Variable")
    if len(found) > 1:
        raise message(
            409, "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'"
        )
    return found[0]


@routes.add("GET", "/projects/<project>/variables/<key>")
def show(call: Call) -> Response:
    """Show a variable."""
    return answer(present.variable(_variable(call, call.project(MAINTAINER))))


@routes.add("PUT", "/projects/<project>/variables/<key>")
def edit(call: Call) -> Response:
    """Change a variable."""
    project = call.project(MAINTAINER)
    variable = _variable(call, project)
    draft = Variable(**variable.__dict__)
    _apply(call, draft)
    _check(draft)
    variable.__dict__.update(draft.__dict__)
    call.world.state.save_project(project)
    return answer(present.variable(variable))


@routes.add("DELETE", "/projects/<project>/variables/<key>")
def delete(call: Call) -> Response:
    """Delete a variable."""
    project = call.project(MAINTAINER)
    project.variables.remove(_variable(call, project))
    call.world.state.save_project(project)
    return nothing()
