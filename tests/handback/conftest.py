"""The function and a scripted GitLab, ready for each test."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from handback_world import CANARY, STARTED, Function, GitLab
from moto import mock_aws

from orchestrator import gitlab_trigger
from orchestrator.handback import aws, build, handler
from orchestrator.handback.marker import Markers
from orchestrator.handback.settings import VARIABLE


@pytest.fixture(scope="session")
def server() -> Iterator[GitLab]:
    """Serve one scripted GitLab for all tests."""
    state = GitLab()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            state.requests.append((self.path, parse_qs(body)))
            state.meanwhile()
            status, headers, text = state.script.pop(0) if len(state.script) > 1 else state.script[0]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state.url = f"http://127.0.0.1:{listener.server_port}/api/v4"
    yield state
    listener.shutdown()
    listener.server_close()


@pytest.fixture
def gitlab(server: GitLab) -> GitLab:
    """Give the scripted GitLab with a fresh script."""
    server.script, server.requests, server.meanwhile = [STARTED], [], lambda: None
    return server


@pytest.fixture(scope="module")
def amazon() -> Iterator[Any]:
    """Put moto behind boto3, and make the clients once: each takes a fifth of a second."""
    with pytest.MonkeyPatch.context() as patch, mock_aws() as mocked:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        aws.client.cache_clear()
        yield mocked
    aws.client.cache_clear()


@pytest.fixture
def function(
    gitlab: GitLab, amazon: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Function]:
    """Give the function; after each test, search all that left it for the token."""
    amazon.reset()
    ready = Function(gitlab, capsys)
    real = build.client
    monkeypatch.setattr(build, "client", lambda service, _: ready if service == "codebuild" else real(service, _))
    monkeypatch.setattr(handler, "Markers", partial(Markers, sleep=ready.sleep, now=lambda: ready.now))
    monkeypatch.setattr(handler, "Patience", lambda left, _: gitlab_trigger.Patience(left, ready.sleep))
    monkeypatch.setenv(VARIABLE, json.dumps(ready.settings))
    yield ready
    ready.dead_letters()
    ready.said += str(ready.marker())
    for form in (CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode()):
        assert form not in ready.said
