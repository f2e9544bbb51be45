"""The git half of the front door: which repository, who, and whether fetch or push."""

from __future__ import annotations

import re

from werkzeug import Request, Response

from orchestrator.emulator.gitlab.access import (
    Identity,
    given_secrets,
    identify_basic,
    identify_token,
)
from orchestrator.emulator.gitlab.git.transport import Push
from orchestrator.emulator.gitlab.pipelines.pushes import pushed
from orchestrator.emulator.gitlab.records import DEVELOPER, REPORTER, Project
from orchestrator.emulator.gitlab.world import World

_SERVICE = re.compile(r"/(?P<path>.+?)(?:\.git)?(?P<service>/(?:info/refs|git-upload-pack|git-receive-pack))")

SERVICES = frozenset({"git-upload-pack", "git-receive-pack"})


def is_git(path: str) -> bool:
    """Tell whether a path is one that git asks for."""
    return not path.startswith("/api/") and _SERVICE.fullmatch(path) is not None


def asked(request: Request) -> str:
    """Return the git service that a request of a git client is for."""
    service = request.path.rpartition("/")[2]
    return request.args.get("service", "") if service == "refs" else service


def serve(world: World, request: Request) -> Response:
    """Answer a request of a git client."""
    match = _SERVICE.fullmatch(request.path)
    if match is None:
        return _refuse(404, "Not Found")
    service = match["service"]
    if asked(request) not in SERVICES:
        return _refuse(403, "Git access over HTTP needs a smart client")
    writing = asked(request) == "git-receive-pack"
    identity = _identify(world, request)
    project = world.state.project_at(match["path"])
    problem = _problem(identity, project, writing=writing)
    if problem is not None or project is None:
        return problem or _refuse(404, "The project you were looking for could not be found")
    repository = world.repository(project)
    if service != "/git-receive-pack" or identity is None:
        return world.transport.serve(request, repository, service)

    def announce(push: Push) -> None:
        pushed(world, identity, project, push)

    return world.transport.receive(request, repository, service, announce)


def _identify(world: World, request: Request) -> Identity | None:
    basic = identify_basic(world.state, request)
    if basic is not None:
        return basic
    found = (identify_token(world.state, secret) for secret in given_secrets(request))
    return next((identity for identity in found if identity is not None), None)


def _problem(identity: Identity | None, project: Project | None, *, writing: bool) -> Response | None:
    if identity is None:
        if project is not None and project.visibility == "public" and not writing:
            return None
        return _challenge()
    if project is None or identity.level(project) < REPORTER:
        return _refuse(
            404, "The project you were looking for could not be found or you don't have permission to view it."
        )
    if identity.job is None:
        needed = {"api", "write_repository"} | (set() if writing else {"read_repository", "read_api"})
        if not identity.scopes & needed:
            return _refuse(403, "HTTP Basic: Access denied. The token has no scope for this.")
    if writing and (identity.job is not None or identity.level(project) < DEVELOPER):
        return _refuse(403, "You are not allowed to push code to this project.")
    return None


def _challenge() -> Response:
    text = "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect."
    return Response(f"{text}\n", status=401, headers={"WWW-Authenticate": 'Basic realm="GitLab"'})


def _refuse(status: int, text: str) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
