"""Whatever a client sends, the answer is one of GitLab's, and never a fault of the emulator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug import Response
from werkzeug.test import Client

from orchestrator.emulator.gitlab.app import RESOURCES, GitLabEmulator

HEADERS = {"PRIVATE-TOKEN": "glpat-x"}
PARTS = ["1", "99", "x", "main", "README.md", "a%2Fb", "%00", "%ff", "..", "HEAD", "--help", "0" * 40, ".zip"]
FITTING = {
    "ref": "main",
    "branch": "other",
    "start_branch": "main",
    "commit_message": "m",
    "name": "n",
    "key": "K",
    "value": "v",
    "token": "glptt-x",
    "state": "success",
    "content": "j: {script: x}",
    "tag_name": "t",
    "actions": [{"action": "create", "file_path": "f", "content": "x"}],
    "description": "d",
    "from": "main",
    "to": "HEAD",
    "ID": "1",
    "scopes": ["api"],
}
NAMES = [
    *FITTING,
    "variables",
    "inputs",
    "scope",
    "page",
    "access_level",
    "pipeline_id",
    "visibility",
    "filter",
    "masked",
]
NAMES += ["namespace_id", "environment_scope", "target_url", "coverage", "user_id", "order_by", "path", "serial"]
ROUTES = [route for module in RESOURCES for route in module.routes.entries if route.method != "DELETE"]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(["", "main", "../x", "\0", "\ud800"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["key", "action", "a"]), inner),
    max_leaves=4,
)


@contextmanager
def started(folder: Path) -> Iterator[Client]:
    """Start an emulator without a server, with one project in it."""
    emulator = GitLabEmulator(
        folder,
        root_token="glpat-x",
        self_url=lambda: "http://127.0.0.1:1",
        job_environment=dict,
    )
    client = Client(emulator.wsgi, Response)
    client.post("/api/v4/projects", json={"name": "p", "initialize_with_readme": True}, headers=HEADERS)
    try:
        yield client
    finally:
        emulator.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Give an emulator which only tests share that accept whatever others left in it."""
    with started(tmp_path_factory.mktemp("malformed")) as client:
        yield client


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(ROUTES),
    st.lists(st.sampled_from(PARTS), min_size=4, max_size=4),
    st.dictionaries(st.sampled_from(NAMES), values, max_size=3),
    st.booleans(),
)
def test_no_request_breaks_the_api(
    client: Client, route: Any, parts: list[str], wrong: dict[str, Any], in_query: bool
) -> None:
    """Any parameters at any route give an answer below 500, and do not lock the administrator out."""
    names = iter(parts)
    path = re.sub(r"<(?:path:)?(\w+)>", lambda match: "1" if match[1] == "project" else next(names), route.path)
    body: dict[str, Any] = {**FITTING, **wrong}
    if in_query or route.method in {"GET", "HEAD"}:
        query = {f"{name}[]" if isinstance(value, list) else name: "1" for name, value in wrong.items()}
        answer = client.open(f"/api/v4{path}", method=route.method, headers=HEADERS, query_string=query)
    else:
        answer = client.open(f"/api/v4{path}", method=route.method, headers=HEADERS, json=body)
    assert answer.status_code < 500
    assert client.get("/api/v4/user", headers=HEADERS).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v4",
        "/api/v4/",
        "//",
        "/a/b.git",
        "/a.git/info/refs",
        "/api/v4/projects/../../x",
        "/%2e%2e/x",
        "/\u202e",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "ODD"])
def test_no_path_breaks_the_server(client: Client, path: str, method: str) -> None:
    """Any path and method give an answer below 500."""
    assert client.open(path, method=method, data=b"x").status_code < 500


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    """File names that lead out of a repository are refused."""
    url = "/api/v4/projects/1/repository/commits"
    with started(tmp_path) as client:
        for name in ("../x", "/etc/x", "a/../../x", ".git/config", "a//b", "", "fits"):
            action = {"action": "create", "file_path": name, "content": "x"}
            body = {"branch": "main", "commit_message": "m", "actions": [action]}
            answer = client.post(url, json=body, headers=HEADERS)
            assert (name, answer.status_code) == (name, 201 if name == "fits" else 400)
