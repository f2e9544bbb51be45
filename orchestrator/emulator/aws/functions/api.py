"""Lambda's operation Invoke, which moto has for Docker only; all others stay moto's."""

from __future__ import annotations

import base64
import json
import re
import uuid
import zipfile
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.functions.asynchronous import Invocations
from orchestrator.emulator.aws.functions.catalogue import Function, find
from orchestrator.emulator.aws.functions.machine import CannotRun, python_for
from orchestrator.emulator.aws.functions.run import Runner

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_LONGEST_TAIL_BYTES = 4096

Answer = tuple[int, dict[str, str], bytes]


def is_invocation(environ: dict[str, Any]) -> bool:
    """Tell whether a request is one for `invoke`."""
    return environ["REQUEST_METHOD"] == "POST" and _PATH.fullmatch(environ.get("PATH_INFO", "")) is not None


class Invoke:
    """Serves `invoke` for one region."""

    def __init__(self, place: Place, runner: Runner, invocations: Invocations) -> None:
        self._place = place
        self._runner = runner
        self._invocations = invocations

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        status, headers, body = self._answer(environ)
        told = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "x-amzn-RequestId": str(uuid.uuid4()),
            **headers,
        }
        start_response(f"{status} {'OK' if status < 300 else 'Error'}", list(told.items()))
        return [body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        match = _PATH.fullmatch(environ["PATH_INFO"])
        name = unquote(match[1]) if match else ""
        qualifier = parse_qs(environ.get("QUERY_STRING", "")).get("Qualifier", [None])[0]
        function = find(self._place, name, qualifier)
        payload = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode("utf-8", "replace")
        if function is None:
            return _error(404, "ResourceNotFoundException", f"Function not found: {name}")
        try:
            event = json.loads(payload or "{}")
        except ValueError as error:
            return _error(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}")
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
        if kind == "DryRun":
            return 204, {}, b""
        if kind == "Event":
            return 202, {"x-amzn-RequestId": self._invocations.submit(function.arn, payload)}, b""
        try:
            python_for(function)
        except CannotRun as reason:
            # No answer of AWS: nobody may take it for a fault of the function, nor for its success.
            return _error(501, "EmulatorCannotRunException", f"this stand-in for AWS cannot run it: {reason}")
        except zipfile.BadZipFile:
            pass  # the function itself answers for its code
        return self._wait_for(function, event, tail=environ.get("HTTP_X_AMZ_LOG_TYPE") == "Tail")

    def _wait_for(self, function: Function, event: Any, *, tail: bool) -> Answer:
        request_id = str(uuid.uuid4())
        outcome = self._runner.run(function, event, request_id)
        headers = {"x-amzn-RequestId": request_id, "X-Amz-Executed-Version": function.version}
        if outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        if tail:
            log = outcome.log.encode()[-_LONGEST_TAIL_BYTES:]
            headers["X-Amz-Log-Result"] = base64.b64encode(log).decode()
        return 200, headers, json.dumps(outcome.payload).encode()


def _error(status: int, code: str, message: str) -> Answer:
    return status, {"x-amzn-ErrorType": code}, json.dumps({"Type": "User", "message": message}).encode()
