"""Stands before an application and spoils its answers as the script of faults says."""

from __future__ import annotations

import io
import json
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

from orchestrator.emulator.injection.calls import AwsCall
from orchestrator.emulator.injection.refusals import Headers, refusal, wire
from orchestrator.emulator.injection.rules import Answer

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Refuse = Callable[[Answer], tuple[int, Headers, bytes]]

# Closing with a linger time of zero sends RST in place of FIN, and drops what is not sent yet.
ABRUPTLY = struct.pack("ii", 1, 0)
_CHUNK_BYTES = 1024 * 1024
# As such pages are: nothing that a reader of JSON or of XML gets through.
_PAGE = (
    b'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n<title>Just a moment</title>\n</head>\n'
    b"<body>Please come back later<br>\n</html>\n"
)


def spoil(
    answer: Answer,
    application: Application,
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    refuse: Refuse,
    holding: AbstractContextManager[None],
) -> Iterable[bytes]:
    """Answer one request as `answer` says; `refuse` makes the errors of the service, `holding` tells of a held call."""
    if answer.kind == "hold":
        return _held(answer, application, environ, start_response, holding)
    if answer.kind == "delay":
        time.sleep(answer["seconds"])
        return application(environ, start_response)
    if answer.kind == "lost_request":
        _break(environ)
    if answer.kind == "lost_response":
        _collect(application, environ)
        _break(environ)
    if answer.kind == "reset":
        status, headers, body = _collect(application, environ)
        start_response(status, headers)
        return _broken(body[: answer["after_bytes"]], environ)
    number, headers, body = _page(answer) if answer.kind == "html" else refuse(answer)
    _drain(environ)
    if answer.kind == "status" and answer["retry_after"] is not None:
        headers = [*headers, ("Retry-After", str(answer["retry_after"]))]
    start_response(f"{number} {_reason(number)}", [*headers, ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def aws_errors(call: AwsCall, role_arn: Callable[[], str]) -> Refuse:
    """Return how AWS refuses `call`."""
    return lambda answer: wire(refusal(answer, call, role_arn), call)


def gitlab_errors(answer: Answer) -> tuple[int, Headers, bytes]:
    """Return how GitLab refuses: 429 as its rate limiter does, in plain text, the rest as its API does."""
    status = answer["status"]
    if status == 429:
        return status, [("Content-Type", "text/plain")], b"Retry later\n"
    body = json.dumps({"message": f"{status} {_reason(status)}"}).encode()
    return status, [("Content-Type", "application/json")], body


def _page(answer: Answer) -> tuple[int, Headers, bytes]:
    return answer["status"], [("Content-Type", "text/html; charset=utf-8")], _PAGE


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"


def _collect(application: Application, environ: dict[str, Any]) -> tuple[str, Headers, bytes]:
    """Let the application do its work, and keep its whole answer back."""
    started: list[tuple[str, Headers]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: Headers, *_: Any) -> Callable[[bytes], None]:
        started[:] = [(status, headers)]
        return written.append

    answered = application(environ, start_response)
    try:
        written.extend(answered)
    finally:
        close = getattr(answered, "close", None)
        if close is not None:
            close()
    status, headers = started[0]
    body = b"".join(written)
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    length = next((value for name, value in headers if name.lower() == "content-length"), str(len(body)))
    return status, [*kept, ("Content-Length", length)], body


def _held(
    answer: Answer,
    application: Application,
    environ: dict[str, Any],
    start_response: Callable[..., Any],
    holding: AbstractContextManager[None],
) -> Iterable[bytes]:
    """Keep a request before it is acted on, or its answer after that, until the client is gone or time is up."""
    if answer["until"] == "sent":
        _keep_body(environ)  # what is not read yet would hide that the client is gone
        with holding:
            gone = _is_gone(environ["werkzeug.socket"], answer["seconds"])
        if gone:
            _break(environ)
        return application(environ, start_response)
    status, headers, body = _collect(application, environ)
    with holding:
        gone = _is_gone(environ["werkzeug.socket"], answer["seconds"])
    if gone:
        _break(environ)
    start_response(status, headers)
    return [body]


def _is_gone(connection: socket.socket, seconds: float) -> bool:
    """Wait for the client to close the connection; return False when it has not done so in time."""
    if not select.select([connection], [], [], seconds)[0]:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def _keep_body(environ: dict[str, Any]) -> None:
    """Read the whole body of a request, and put it back."""
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    if length or environ.get("wsgi.input_terminated"):
        environ["wsgi.input"] = io.BytesIO(stream.read(int(length)) if length else stream.read())


def _broken(body: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
    yield body
    _break(environ)


def _break(environ: dict[str, Any]) -> None:
    """Make the server's handler give up, and its socket close with RST (see `Server`)."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPTLY)
    connection.shutdown(socket.SHUT_RD)  # nothing may wait for what the client still wants to send
    raise ConnectionResetError("broken by the script of faults")


def _drain(environ: dict[str, Any]) -> None:
    """Read the body of a request that is refused: closing with it unread would break the connection."""
    stream = environ["wsgi.input"]
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0:
        chunk = stream.read(min(left, _CHUNK_BYTES))
        if not chunk:
            return
        left -= len(chunk)
    while environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH") and stream.read(_CHUNK_BYTES):
        pass
