"""`GitLabEmulator`: GitLab's REST API, git over HTTP and a runner, as one WSGI application."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from orchestrator.emulator.gitlab import git_http
from orchestrator.emulator.gitlab.access import (
    Identity,
    given_job_token,
    given_secrets,
    identify_basic,
    identify_job,
    identify_token,
)
from orchestrator.emulator.gitlab.api import (
    commits,
    jobs,
    lint,
    members,
    merge_requests,
    pipelines,
    projects,
    protection,
    repository,
    statuses,
    terraform,
    triggers,
    users,
    variables,
)
from orchestrator.emulator.gitlab.api.call import ApiError, Call, answer, message
from orchestrator.emulator.gitlab.api.routing import Route, Router
from orchestrator.emulator.gitlab.git.repository import GitError
from orchestrator.emulator.gitlab.git.transport import Transport
from orchestrator.emulator.gitlab.runner.scheduler import Scheduler
from orchestrator.emulator.gitlab.state import State
from orchestrator.emulator.gitlab.world import World
from orchestrator.emulator.injection import front
from orchestrator.emulator.injection.engine import Faults
from orchestrator.emulator.injection.kinds import GITLAB

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

RESOURCES = (
    users,
    projects,
    members,
    triggers,
    pipelines,
    jobs,
    statuses,
    commits,
    repository,
    merge_requests,
    lint,
    variables,
    protection,
    terraform,
)
_READING = frozenset({"GET", "HEAD"})


class GitLabEmulator:
    """One emulated GitLab with all its state below `directory`.

    `root_token` is the access token of the administrator `root`. `self_url` returns the address under which
    clients reach the emulator, asked anew each time, because the port may be known only after binding.
    `job_environment` returns variables that every CI job gets below its CI variables. `concurrency` is how
    many jobs run at a time, `grace_seconds` how long a stopped job may take to end. `faults` are what it is to
    do wrong.
    """

    def __init__(
        self,
        directory: Path,
        *,
        root_token: str,
        self_url: Callable[[], str],
        job_environment: Callable[[], Mapping[str, str]],
        concurrency: int = 2,
        grace_seconds: float = 5.0,
        faults: Faults | None = None,
    ) -> None:
        self.faults = faults or Faults()
        directory = directory.resolve()
        home = directory / "home"
        home.mkdir(parents=True, exist_ok=True)
        state = State(directory / "state", root_token)
        transport = Transport(directory / "repositories", home, directory / "hooks")
        self.world = World(directory, state, transport, self_url, job_environment)
        self._router = Router(route for module in RESOURCES for route in module.routes.entries)
        self._scheduler = Scheduler(self.world, places=concurrency, grace_seconds=grace_seconds)

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        operation = self._operation(environ) if self.faults.active else ""
        answer = self.faults.take(GITLAB, operation) if self.faults.active else None
        if answer is None:
            return self._right(environ, start_response)
        holding = self.faults.holding(f"{GITLAB} {operation}")
        return front.spoil(answer, self._right, environ, start_response, front.gitlab_errors, holding)

    def operations(self) -> set[str]:
        """Return the names of all operations: method and path as GitLab's documentation writes them, and git's."""
        return {_name(route) for module in RESOURCES for route in module.routes.entries} | git_http.SERVICES

    def _right(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request as it should be."""
        request = Request(environ)
        try:
            response = self._respond(request)
        except ApiError as error:
            response = answer(error.body, error.status)
        except GitError:
            response = answer({"message": "400 Bad request"}, 400)
        except MethodNotAllowed:
            response = answer({"error": "405 Not Allowed"}, 405)
        except NotFound:
            response = answer({"error": "404 Not Found"}, 404)
        except HTTPException as error:
            response = answer({"error": f"{error.code} {error.name}"}, error.code or 500)
        except Exception:  # noqa: BLE001 - one broken request must not end the server, nor show its insides
            traceback.print_exc(file=sys.stderr)
            response = answer({"message": "500 Internal Server Error"}, 500)
        return response(environ, start_response)

    def close(self) -> None:
        """End all jobs with their processes; the state stays on disk."""
        self._scheduler.close()

    def _operation(self, environ: WSGIEnvironment) -> str:
        """Return the name of the operation, or nothing where there is none."""
        request = Request(environ)
        if git_http.is_git(request.path):
            return git_http.asked(request)
        try:
            return _name(self._router.match(request.method, _raw_path(request))[0])
        except HTTPException:
            return ""

    def _respond(self, request: Request) -> Response:
        if git_http.is_git(request.path):
            return git_http.serve(self.world, request)
        request.get_data()  # a client that is refused in the middle of its body sees a broken connection
        route, arguments = self._router.match(request.method, _raw_path(request))
        call = Call(self.world, request, self._identify(request, route), arguments)
        self._check_scope(call)
        return route.handler(call)

    def _identify(self, request: Request, route: Route) -> Identity | None:
        """Return the caller; credentials that are given and wrong are a 401, also where none are needed."""
        state = self.world.state
        for secret in given_secrets(request):
            found = identify_token(state, secret) or (identify_job(state, secret) if route.job_token else None)
            if found is None:
                raise message(401, "401 Unauthorized")
            if found.user.state == "blocked":
                raise message(403, "403 Forbidden - Your account has been blocked.")
            return found
        job_token = given_job_token(request)
        if job_token and route.job_token:
            job = identify_job(state, job_token)
            if job is None:
                raise message(401, "401 Unauthorized")
            return job
        if route.basic and "Authorization" in request.headers:
            basic = identify_basic(state, request)
            if basic is None:
                raise message(401, "401 Unauthorized")
            return basic
        return None

    def _check_scope(self, call: Call) -> None:
        identity = call.identity
        if identity is None or identity.job is not None or "api" in identity.scopes:
            return
        reading = call.request.method in _READING and bool(identity.scopes & {"read_api"})
        itself = call.request.path == "/api/v4/user" and "read_user" in identity.scopes
        # Whatever a token may do, it may look at itself (GitLab docs: api/personal_access_tokens).
        itself = itself or call.request.path.rstrip("/").endswith("/personal_access_tokens/self")
        if not reading and not itself:
            error = {"error": "insufficient_scope", "error_description": "The request requires higher privileges "
                     "than provided by the access token."}  # fmt: skip
            raise ApiError(403, error)


def _raw_path(request: Request) -> str:
    return str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path).split("?")[0]


def _name(route: Route) -> str:
    """Return `POST /projects/:project/trigger/pipeline`."""
    path = re.sub(r"<(?:path:)?(\w+)>", r":\1", route.path)
    return f"{route.method} {path}"
