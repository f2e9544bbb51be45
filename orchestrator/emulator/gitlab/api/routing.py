"""Routes: each resource module lists its own, the application matches them on the undecoded path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote

from werkzeug import Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from orchestrator.emulator.gitlab.api.call import Call

Handler = Callable[[Call], Response]
H = TypeVar("H", bound=Handler)

# Stands for a `/` that came as `%2F`, so that `group%2Fproject` is one segment to the matcher.
_SLASH = "\x1e"


@dataclass(frozen=True)
class Route:
    """One handler; `job_token` says whether a CI job token opens it, `basic` whether basic credentials do."""

    method: str
    path: str
    handler: Handler
    job_token: bool = False
    basic: bool = False


@dataclass
class Routes:
    """The routes of one resource."""

    entries: list[Route] = field(default_factory=list)

    def add(self, method: str, path: str, *, job_token: bool = False, basic: bool = False) -> Callable[[H], H]:
        """Register a handler for a path below `/api/v4`."""

        def register(handler: H) -> H:
            self.entries.append(Route(method, path, handler, job_token, basic))
            return handler

        return register


class Router:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        rules = [Rule(f"/api/v4{route.path}", methods=[route.method], endpoint=route) for route in routes]
        self._map = Map(rules, strict_slashes=False, merge_slashes=False)

    def match(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
        """Return route and path arguments, decoded; raises werkzeug's NotFound and MethodNotAllowed."""
        path = "/".join(unquote(part, errors="surrogateescape").replace("/", _SLASH) for part in raw_path.split("/"))
        adapter = self._map.bind("localhost")
        route, found = adapter.match(path, method=method)
        return route, {name: str(value).replace(_SLASH, "/") for name, value in found.items()}


__all__ = ["HTTPException", "Route", "Router", "Routes"]
