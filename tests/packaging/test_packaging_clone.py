"""Cloning over HTTP with a token that only git's question brings out."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

CANARY = "glptt-canary-0123456789+/="


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[str]:
    """Serve the repositories of `tmp_path` with `git http-backend`, behind basic authentication."""
    expected = "Basic " + base64.b64encode(f"robot:{CANARY}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            environment = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(tmp_path),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "robot",
            }
            answer = subprocess.run(
                ["git", "-c", "safe.directory=*", "http-backend"],
                input=body,
                env=environment,
                capture_output=True,
                check=False,
                timeout=30,
            ).stdout
            head, _, content = answer.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 - http.server calls these names

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _clone(case: Any, url: str, *, parameter: str = "pat") -> None:
    case.settings.update(
        fetch="clone",
        requirements=None,
        clone={"url": url, "username_parameter": "/gitlab/username", "token_parameter": f"/gitlab/{parameter}"},
    )


def test_commit_is_cloned_without_leaving_the_token(case: Any, tools: Path, git_server: str) -> None:
    """Exactly the commit is fetched, and the token stands in no file and no output afterwards."""
    case.use(tools)
    case.commit({"handler.py": "a = 1\n"})
    _clone(case, f"{git_server}/repository/.git")
    case.run("fetch")
    assert (case.root / "source/handler.py").read_text() == "a = 1\n"
    files = [path for top in (case.root, case.private) for path in top.rglob("*") if path.is_file()]
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
    assert CANARY not in case.output
    case.run("build")


def test_missing_commit_is_superseded(case: Any, tools: Path, git_server: str) -> None:
    """A commit that a force push removed ends with the exit code for that."""
    case.use(tools)
    case.commit({"handler.py": "a = 1\n"})
    case.variables["ORCHESTRATOR_COMMIT_SHA"] = "d" * 40
    _clone(case, f"{git_server}/repository/.git")
    assert "no longer in the repository" in case.run("fetch", code=4)


def test_wrong_token_is_explained(case: Any, tools: Path, git_server: str) -> None:
    """A wrong token names its parameter, and not itself."""
    case.use(tools)
    case.commit({"handler.py": "a = 1\n"})
    _clone(case, f"{git_server}/repository/.git", parameter="username")
    assert "`read_repository` in `/gitlab/username`" in case.run("fetch", code=2)


def test_token_is_for_one_host_only(case: Any, tools: Path) -> None:
    """Another host, as after a redirect, does not get the token."""
    case.use(tools)
    _clone(case, "https://gitlab.example.org/group/demo.git")
    for prompt in ("Password for 'https://robot@evil.example.org': ", "Password for 'http://gitlab.example.org': "):
        assert CANARY not in case.run("askpass", prompt, code=5)
    assert case.run("askpass", "Password for 'https://robot@gitlab.example.org': ").strip() == CANARY
