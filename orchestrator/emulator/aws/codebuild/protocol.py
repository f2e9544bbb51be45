"""AWS JSON 1.1 on the wire: one POST, the operation in `X-Amz-Target`, errors with `__type`."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.emulator.aws.codebuild import shapes
from orchestrator.emulator.aws.codebuild.faults import (
    InternalFailure,
    Serialization,
    ServiceFault,
    UnknownOperation,
)

TARGET_PREFIX = "CodeBuild_20161006."
_CONTENT_TYPE = "application/x-amz-json-1.1"

Operation = Callable[[dict[str, Any]], "Mapping[str, Any] | None"]
_log = logging.getLogger(__name__)


def answer(
    operations: Mapping[str, Operation], environ: Mapping[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Serve one CodeBuild request as WSGI: validate, call the operation, cut the answer to its shape."""
    try:
        status, body = 200, _call(operations, environ)
    except ServiceFault as fault:
        status, body = fault.status, {"__type": fault.code, "message": fault.message}
    except Exception:  # noqa: BLE001 - a bug must reach the client as an answer of the service
        _log.exception("CodeBuild request failed")
        status, body = InternalFailure.status, {"__type": InternalFailure.code, "message": "internal failure"}
    payload = json.dumps(body).encode()
    headers = [
        ("Content-Type", _CONTENT_TYPE),
        ("Content-Length", str(len(payload))),
        ("x-amzn-RequestId", str(uuid.uuid4())),
    ]
    if "__type" in body:
        headers.append(("x-amzn-ErrorType", str(body["__type"])))
    start_response(f"{status} {'OK' if status == 200 else 'Error'}", headers)
    return [payload]


def _call(operations: Mapping[str, Operation], environ: Mapping[str, Any]) -> dict[str, Any]:
    name = str(environ.get("HTTP_X_AMZ_TARGET", "")).removeprefix(TARGET_PREFIX)
    model = shapes.operation(name)
    if model is None:
        raise UnknownOperation(f"CodeBuild has no operation {name}")
    if name not in operations:
        raise UnknownOperation(f"the emulator does not offer the CodeBuild operation {name}")
    request = _body(environ)
    shapes.check_request(model.input_shape, request)
    result = operations[name](request) or {}
    return shapes.cut(model.output_shape, result) if model.output_shape is not None else {}


def _body(environ: Mapping[str, Any]) -> dict[str, Any]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    try:
        body = json.loads(environ["wsgi.input"].read(length) or b"{}")
    except ValueError as error:
        raise Serialization("the request body is not JSON") from error
    if not isinstance(body, dict):
        raise Serialization("the request body is not a JSON object")
    return {key: value for key, value in body.items() if value is not None}
