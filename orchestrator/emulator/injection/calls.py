"""Which operation of which AWS service a request asks for, by botocore's models of the services."""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from orchestrator.emulator.injection.rules import AWS_SERVICES

# Requests of the emulator itself say so in their user agent, and are left alone.
INTERNAL_AGENT = "orchestrator-emulator-itself"

_SIGNED_AS = {"monitoring": "cloudwatch", "s3express": "s3"}
_BY_PATH = ("s3", "lambda")
_MOST_BODY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class AwsCall:
    """`protocol` is `json`, `query`, `cbor`, `rest-xml` or `rest-json`, in which errors are written."""

    service: str
    operation: str
    protocol: str
    region: str


@dataclass(frozen=True)
class _Shape:
    """One operation of a service whose operations are told by method and path."""

    name: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    headers: frozenset[str]


def identify(environ: dict[str, Any]) -> AwsCall | None:
    """Return what is asked for, or None for requests that are not signed, and for the emulator's own.

    The body of a form is read and put back; others stay unread.
    """
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
    if len(scope) < 5 or INTERNAL_AGENT in environ.get("HTTP_USER_AGENT", ""):
        return None
    region, service = scope[2], _SIGNED_AS.get(scope[3], scope[3])
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    rpc = re.fullmatch(r"/service/[^/]+/operation/(\w+)", environ.get("PATH_INFO", ""))
    if target:
        return AwsCall(service, target.rpartition(".")[2], "json", region)
    if rpc:
        return AwsCall(service, rpc[1], "cbor", region)
    if service in _BY_PATH:
        return AwsCall(service, _by_path(service, environ), "rest-xml" if service == "s3" else "rest-json", region)
    return AwsCall(service, _action(environ), "query", region)


def json_body(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object of a request and put the body back; anything else is an empty object."""
    try:
        body = json.loads(_body(environ) or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


@functools.cache
def operations(service: str) -> Collection[str] | None:
    """Return the names of the operations of an AWS service, None for a service that is not one of AWS."""
    return frozenset(_model(service)["operations"]) if service in AWS_SERVICES else None


def _action(environ: dict[str, Any]) -> str:
    posted = environ["REQUEST_METHOD"] == "POST"
    text: str = _body(environ).decode("utf-8", "replace") if posted else environ.get("QUERY_STRING", "")
    return parse_qs(text).get("Action", [""])[0]


def _body(environ: dict[str, Any]) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > _MOST_BODY_BYTES:
        return b""
    body: bytes = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _by_path(service: str, environ: Mapping[str, Any]) -> str:
    """Return the operation whose path fits, and of several the one that asks for most of what is there."""
    query = set(parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    headers = {name for name in environ if name.startswith("HTTP_")}
    fitting = [
        shape
        for shape in _shapes(service)
        if shape.method == environ["REQUEST_METHOD"]
        and shape.query <= query
        and shape.headers <= headers
        and shape.path.fullmatch(environ.get("PATH_INFO", ""))
    ]
    best = max(fitting, key=lambda shape: (len(shape.query), len(shape.headers)), default=None)
    return best.name if best else ""


@functools.cache
def _shapes(service: str) -> tuple[_Shape, ...]:
    model = _model(service)
    return tuple(
        _shape(name, operation, model["shapes"])
        for name, operation in model["operations"].items()
        if not operation.get("deprecated") or service != "s3"
    )


def _shape(name: str, operation: Mapping[str, Any], shapes: Mapping[str, Any]) -> _Shape:
    path, _, query = operation["http"]["requestUri"].partition("?")
    found = shapes[operation["input"]["shape"]] if "input" in operation else {}
    required = [found["members"][member] for member in found.get("required", [])]
    keys = {member["locationName"] for member in required if member.get("location") == "querystring"}
    headers = {member["locationName"] for member in required if member.get("location") == "header"}
    literal = {part.partition("=")[0] for part in query.split("&") if part}
    return _Shape(
        name,
        operation["http"]["method"],
        re.compile(_pattern(path)),
        frozenset(keys | literal),
        frozenset("HTTP_" + header.upper().replace("-", "_") for header in headers),
    )


def _pattern(path: str) -> str:
    """Return `/{Bucket}/{Key+}` as a pattern: a part is without slashes, a greedy one is not."""
    pieces = re.split(r"(\{[^}]+\})", path.rstrip("/") or "/")
    kinds = [
        ".+" if piece.endswith("+}") else "[^/]+" if piece.startswith("{") else re.escape(piece) for piece in pieces
    ]
    return "".join(kinds) + "/?"


@functools.cache
def _model(service: str) -> dict[str, Any]:
    import botocore.loaders

    model: dict[str, Any] = botocore.loaders.Loader().load_service_model(service, "service-2")
    return model
