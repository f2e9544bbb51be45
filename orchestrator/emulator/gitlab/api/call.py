"""One API call: its parameters, its caller, and the answers GitLab gives when something is wrong."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from werkzeug import Request, Response

from orchestrator.emulator.gitlab.access import Identity
from orchestrator.emulator.gitlab.records import GUEST, Job, Pipeline, Project
from orchestrator.emulator.gitlab.world import World

T = TypeVar("T")
_PER_PAGE, _MAX_PER_PAGE = 20, 100


class ApiError(Exception):
    """An answer other than success; `body` is what GitLab would send."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


def message(status: int, text: Any) -> ApiError:
    """Return an error of the kind `{"message": …}`."""
    return ApiError(status, {"message": text})


def invalid(text: str) -> ApiError:
    """Return the 400 for parameters that are missing or have no valid value: `{"error": …}`."""
    return ApiError(400, {"error": text})


def missing(thing: str = "") -> ApiError:
    """Return the 404 for a thing, `404 Project Not Found`."""
    return message(404, f"404 {thing} Not Found" if thing else "404 Not Found")


def forbidden(text: str = "403 Forbidden") -> ApiError:
    """Return the 403."""
    return message(403, text)


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON."""
    return Response(json.dumps(data), status=status, headers=dict(headers or {}), content_type="application/json")


def nothing() -> Response:
    """Return the empty success, 204."""
    return Response(status=204)


@dataclass
class Call:
    """What a handler gets; `args` are the parts of the path."""

    world: World
    request: Request
    identity: Identity | None
    args: dict[str, str]
    _params: dict[str, Any] | None = field(default=None)

    @property
    def params(self) -> dict[str, Any]:
        """Return all parameters, of the query and of a form or JSON body; `a[b]=c` becomes nested."""
        if self._params is None:
            self._params = _nested(self.request.args.items(multi=True)) | self._body()
        return self._params

    def _body(self) -> dict[str, Any]:
        if self.request.mimetype in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            return _nested(self.request.form.items(multi=True))
        raw = self.request.get_data()
        if not raw.strip() or self.request.method in {"GET", "HEAD"}:
            return {}
        if self.request.mimetype not in {"application/json", ""}:
            raise ApiError(415, {"error": "The provided content-type is not supported"})
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError):
            raise invalid("There was a problem in the JSON you submitted") from None
        if not isinstance(data, dict):
            raise invalid("There was a problem in the JSON you submitted: an object is needed")
        return data

    @property
    def caller(self) -> Identity:
        """Return who is asking; raises the 401 when nobody is known."""
        if self.identity is None:
            raise message(401, "401 Unauthorized")
        return self.identity

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a text parameter."""
        value = self.params.get(name, default)
        if value is not None and (isinstance(value, dict | list | bool)):
            raise invalid(f"{name} is invalid")
        return None if value is None else str(value)

    def require(self, *names: str) -> list[str]:
        """Return text parameters that must be given; raises the 400 that names all that are not."""
        absent = [f"{name} is missing" for name in names if self.params.get(name) is None]
        if absent:
            raise invalid(", ".join(absent))
        values = [self.text(name) or "" for name in names]
        empty = [f"{name} is empty" for name, value in zip(names, values, strict=True) if not value.strip()]
        if empty:
            raise invalid(", ".join(empty))
        return values

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean parameter."""
        value = self.params.get(name, default)
        if isinstance(value, bool):
            return value
        if str(value).lower() not in {"true", "false", "1", "0", "t", "f", ""}:
            raise invalid(f"{name} is invalid")
        return str(value).lower() in {"true", "1", "t"}

    def number(self, name: str) -> int:
        """Return a number of the path or of the parameters; raises the 400 when it is none."""
        value = str(self.args.get(name, self.params.get(name, "")))
        if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
            raise invalid(f"{name} is invalid")
        return int(value)

    def project(self, level: int = GUEST) -> Project:
        """Return the project of the path by id or full path; 404 if the caller may not even see it, else 403."""
        project = self.public_project()
        seen = self.identity.level(project) if self.identity else 0
        if self.identity is None and project.visibility != "public":
            raise missing("Project") if self.request.method == "GET" else message(401, "401 Unauthorized")
        if self.identity is not None and seen < GUEST:
            raise missing("Project")
        if self.identity is None and level > GUEST:
            raise message(401, "401 Unauthorized")
        if seen < level:
            raise forbidden()
        return project

    def public_project(self) -> Project:
        """Return the project of the path whoever asks."""
        name = self.args["project"]
        state = self.world.state
        found = state.projects.get(int(name)) if re.fullmatch(r"\d{1,18}", name, re.ASCII) else state.project_at(name)
        if found is None:
            raise missing("Project")
        return found

    def pipeline(self, project: Project) -> Pipeline:
        """Return the pipeline of the path."""
        found = self.world.state.pipelines.get(self.number("pipeline_id"))
        if found is None or found.project_id != project.id:
            raise missing("Pipeline") if self.args.get("pipeline_id") else missing()
        return found

    def job(self, project: Project) -> Job:
        """Return the job of the path."""
        found = self.world.state.jobs.get(self.number("job_id"))
        if found is None or found.project_id != project.id:
            raise missing()
        return found

    def page(self, items: Sequence[T], show: Callable[[T], Any]) -> Response:
        """Return one page of a list with GitLab's pagination headers."""
        size = min(max(self._natural("per_page", _PER_PAGE), 1), _MAX_PER_PAGE)
        page = max(self._natural("page", 1), 1)
        pages = max(1, math.ceil(len(items) / size))
        chosen = items[(page - 1) * size : page * size]
        headers = {
            "X-Total": str(len(items)),
            "X-Total-Pages": str(pages),
            "X-Per-Page": str(size),
            "X-Page": str(page),
            "X-Next-Page": str(page + 1) if page < pages else "",
            "X-Prev-Page": str(page - 1) if page > 1 else "",
        }
        links = {"first": 1, "last": pages}
        links |= {"next": page + 1} if page < pages else {}
        links |= {"prev": page - 1} if page > 1 else {}
        headers["Link"] = ", ".join(f'<{self._link(number, size)}>; rel="{name}"' for name, number in links.items())
        return answer([show(item) for item in chosen], headers=headers)

    def _natural(self, name: str, default: int) -> int:
        value = self.request.args.get(name, str(default))
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise invalid(f"{name} is invalid")
        return int(value)

    def _link(self, page: int, size: int) -> str:
        kept = [(key, value) for key, value in self.request.args.items(multi=True) if key not in {"page", "per_page"}]
        secret = {"private_token", "access_token", "job_token", "token"}
        kept = [(key, value) for key, value in kept if key not in secret]
        query = urlencode([*kept, ("page", page), ("per_page", size)])
        path = self.request.environ.get("REQUEST_URI", self.request.path).split("?")[0]
        return f"{self.world.server.url}{path}?{query}"


def _nested(pairs: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        keys = re.split(r"\[|\]\[?", name)
        if "[" not in name or not name.endswith("]"):
            result[name] = value
            continue
        keys = keys[:-1]
        _place(result, keys, value)
    return result


def _place(result: dict[str, Any], keys: list[str], value: Any) -> None:
    first, rest = keys[0], keys[1:]
    if rest == [""]:
        items = result.setdefault(first, [])
        if isinstance(items, list):
            items.append(value)
        return
    if rest and rest[0] == "" and len(rest) > 1:
        _place_in_list(result.setdefault(first, []), rest[1:], value)
        return
    if not rest:
        result[first] = value
        return
    inner = result.setdefault(first, {})
    if isinstance(inner, dict):
        _place(inner, rest, value)


def _place_in_list(items: Any, keys: list[str], value: Any) -> None:
    """Add `a[][key]=value`: a key that the last hash has already begins the next one."""
    if not isinstance(items, list):
        return
    if not items or not isinstance(items[-1], dict) or keys[0] in items[-1]:
        items.append({})
    _place(items[-1], keys, value)
