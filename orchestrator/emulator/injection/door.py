"""The door through which a running emulator is given faults: one address of its GitLab, with root's token."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Collection, Iterable
from typing import Any

from orchestrator.emulator.injection import calls
from orchestrator.emulator.injection.engine import Faults
from orchestrator.emulator.injection.front import Application
from orchestrator.emulator.injection.kinds import GITLAB
from orchestrator.emulator.injection.rules import parse
from orchestrator.errors import ConfigurationError

PATH = "/-/emulator/faults"
TOKEN_HEADER = "PRIVATE-TOKEN"  # noqa: S105 - the name of a header
_TOKEN_KEY = "HTTP_PRIVATE_TOKEN"  # noqa: S105 - the same, as WSGI spells it


def with_door(
    application: Application, faults: Faults, token: str, gitlab_operations: Callable[[], Collection[str]]
) -> Application:
    """Return `application` with GET (show), PUT (set, a script as JSON) and DELETE (clear) on `PATH` before it.

    Answers are JSON: the state of the faults, or 422 with `what`, `detail` and `hint` for a script that is wrong.
    """

    def known(service: str) -> Collection[str] | None:
        return gitlab_operations() if service == GITLAB else calls.operations(service)

    def act(environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if not hmac.compare_digest(environ.get(_TOKEN_KEY, "").encode(), token.encode()):
            return "401 Unauthorized", {"what": "this needs the token that `emulator.json` holds"}
        method = environ["REQUEST_METHOD"]
        if method == "PUT":
            faults.use(parse(calls.json_body(environ), known))
        elif method == "DELETE":
            faults.use(())
        elif method != "GET":
            return "405 Method Not Allowed", {"what": "GET, PUT or DELETE"}
        return "200 OK", faults.told()

    def answered(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return application(environ, start_response)
        try:
            status, told = act(environ)
        except ConfigurationError as error:
            status, told = "422 Unprocessable Entity", {"what": error.what, "detail": error.detail, "hint": error.hint}
        body = json.dumps(told).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return answered
