"""A real emulator on loopback, real python-gitlab and real git for the tests of this folder."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gitlab
import pytest
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from orchestrator.emulator.gitlab.app import GitLabEmulator

TOKEN = "glpat-root-of-the-tests"
DONE = {"success", "failed", "canceled", "skipped", "manual"}


class QuietHandler(WSGIRequestHandler):
    """Says nothing about requests."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's signature
        """Drop the line."""


@dataclass
class Server:
    """An emulator that listens."""

    emulator: GitLabEmulator
    http: BaseWSGIServer
    url: str
    thread: threading.Thread

    def client(self, token: str = TOKEN) -> gitlab.Gitlab:
        return gitlab.Gitlab(self.url, private_token=token, retry_transient_errors=False)

    def stop(self) -> None:
        self.http.shutdown()
        self.thread.join(5)
        self.http.server_close()
        self.emulator.close()


def serve(directory: Path, environment: Mapping[str, str] | None = None, **options: Any) -> Server:
    """Start an emulator on a free port."""
    address: list[str] = []
    emulator = GitLabEmulator(
        directory,
        root_token=TOKEN,
        self_url=lambda: address[0],
        job_environment=lambda: environment or {},
        **options,
    )
    http = make_server("127.0.0.1", 0, emulator.wsgi, threaded=True, request_handler=QuietHandler)
    address.append(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    return Server(emulator, http, address[0], thread)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One emulator for all tests that do not stop it."""
    running = serve(tmp_path_factory.mktemp("gitlab"), {"FROM_THE_PROCESS": "yes"}, grace_seconds=2.0)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def start_server() -> Callable[..., Server]:
    """Start further emulators."""
    return serve


@pytest.fixture(scope="session")
def gl(server: Server) -> gitlab.Gitlab:
    """python-gitlab as the administrator."""
    return server.client()


_numbers = iter(range(1, 10_000))


@dataclass
class Repo:
    """A project with a work tree, and short ways to push and to wait."""

    project: Any
    directory: Path
    url: str

    @property
    def remote(self) -> str:
        return f"{self.url.replace('://', f'://root:{TOKEN}@')}/{self.project.path_with_namespace}.git"

    def git(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "NO_PROXY": "*"}
        people = ["-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.com", "-c", "gc.auto=0"]
        return subprocess.run(
            ["git", *people, *arguments],
            cwd=self.directory,
            env=environment,
            text=True,
            capture_output=True,
            check=check,
        )

    def commit(self, files: Mapping[str, str | bytes], message: str = "a change") -> str:
        for name, content in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(
        self,
        files: Mapping[str, str | bytes],
        *,
        to: str = "main",
        message: str = "a change",
        options: tuple[str, ...] = (),
    ) -> str:
        sha = self.commit(files, message)
        self.git("push", "-q", "-f", *options, self.remote, f"HEAD:refs/heads/{to}")
        return sha

    def pipeline(self, **filters: Any) -> Any:
        return self.project.pipelines.get(self.project.pipelines.list(per_page=1, get_all=False, **filters)[0].id)

    def wait(self, pipeline: Any = None, seconds: float = 30) -> Any:
        pipeline = pipeline or self.pipeline()
        deadline = time.monotonic() + seconds
        while pipeline.status not in DONE:
            assert time.monotonic() < deadline, f"pipeline still {pipeline.status}"
            time.sleep(0.03)
            pipeline = self.project.pipelines.get(pipeline.id)
        return pipeline

    def jobs(self, pipeline: Any = None, **filters: Any) -> dict[str, Any]:
        pipeline = pipeline or self.pipeline()
        found = pipeline.jobs.list(get_all=True, **filters)
        return {job.name: self.project.jobs.get(job.id) for job in reversed(found)}

    def trace(self, job: Any) -> str:
        return job.trace().decode()

    def run(
        self, ci: str, files: Mapping[str, str | bytes] | None = None, **options: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Push a configuration, wait, and return the pipeline and its jobs."""
        self.push({".gitlab-ci.yml": ci, **(files or {})}, **options)
        pipeline = self.wait()
        return pipeline, self.jobs(pipeline)


@pytest.fixture
def repo(gl: gitlab.Gitlab, server: Server, tmp_path: Path) -> Repo:
    """Make a new empty project in the group `acme/tools`."""
    return make_repo(gl, server, tmp_path / "work")


@pytest.fixture
def new_repo(gl: gitlab.Gitlab, server: Server, tmp_path: Path) -> Callable[[], Repo]:
    """Make further projects."""
    return lambda: make_repo(gl, server, tmp_path / f"work-{next(_numbers)}")


def make_repo(gl: gitlab.Gitlab, server: Server, directory: Path) -> Repo:
    """Create a project and an empty work tree for it."""
    project = gl.projects.create({"name": f"Widget {next(_numbers)}", "namespace_id": "acme/tools"})
    directory.mkdir(parents=True)
    made = Repo(project, directory, server.url)
    made.git("init", "-q", "-b", "main")
    return made
