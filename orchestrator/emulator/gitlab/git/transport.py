"""Git over HTTP: a request goes through the real `git http-backend`, pushes are reported with their ref changes."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryDirectory
from typing import IO, Any

from werkzeug import Request, Response

from orchestrator.emulator.gitlab.git.environment import git_environment
from orchestrator.emulator.gitlab.git.repository import Repository
from orchestrator.emulator.gitlab.records import NO_SHA

_CHUNK_BYTES = 1 << 16
_IN_MEMORY_BYTES = 1 << 20

# git runs it after it has moved the refs and hands it the push options, which nobody else gets to see.
_HOOK = """#!/bin/sh
number=0
while [ "$number" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
    eval "printf '%s\\\\n' \\"\\$GIT_PUSH_OPTION_$number\\""
    number=$((number + 1))
done > "$EMULATOR_PUSH_OPTIONS"
"""


@dataclass(frozen=True)
class Push:
    """What a push changed: full ref name -> (SHA before, SHA after); 40 zeros stand for none."""

    changes: dict[str, tuple[str, str]]
    options: list[str] = field(default_factory=list)


def compare(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return what is different between two states of the refs."""
    names = {**before, **after}
    pairs = {name: (before.get(name, NO_SHA), after.get(name, NO_SHA)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@dataclass
class Transport:
    """Serves repositories below `root`; `home` and `hooks` are private directories of the emulator."""

    root: Path
    home: Path
    hooks: Path
    _locks: dict[Path, threading.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hooks.mkdir(parents=True, exist_ok=True)
        hook = self.hooks / "post-receive"
        hook.write_text(_HOOK)
        hook.chmod(0o755)

    def serve(self, request: Request, repository: Repository, service: str) -> Response:
        """Answer a fetch; the answer is streamed while git still writes it."""
        process = self._start(request, repository, service, {})
        threading.Thread(target=_feed, args=(request, process), daemon=True).start()
        if process.stdout is None:
            raise RuntimeError("git was started without a pipe")
        status, headers = _read_head(process.stdout)
        return Response(_stream(process), status=status, headers=headers)

    def receive(
        self, request: Request, repository: Repository, service: str, pushed: Callable[[Push], None]
    ) -> Response:
        """Answer a push: refs are compared around it, and `pushed` is called before the client hears back."""
        lock = self._locks.setdefault(repository.path, threading.Lock())
        with lock, TemporaryDirectory(dir=self.home) as folder:
            options = Path(folder) / "options"
            before = repository.refs("refs/")
            process = self._start(request, repository, service, {"EMULATOR_PUSH_OPTIONS": str(options)})
            threading.Thread(target=_feed, args=(request, process), daemon=True).start()
            if process.stdout is None:
                raise RuntimeError("git was started without a pipe")
            status, headers = _read_head(process.stdout)
            body = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - read after this, while it is sent
            for block in _stream(process):
                body.write(block)
            changes = compare(before, repository.refs("refs/"))
            named = {f"refs/{name}": pair for name, pair in changes.items()}
            words = options.read_text("utf-8", "replace").splitlines() if options.is_file() else []
        if named:
            pushed(Push(named, words))
        body.seek(0)
        return Response(iter(lambda: body.read(_CHUNK_BYTES), b""), status=status, headers=headers)

    def _start(
        self, request: Request, repository: Repository, service: str, extra: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        variables = {
            **git_environment(self.home, self.hooks),
            "GIT_PROJECT_ROOT": str(repository.path.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{repository.path.name}{service}",
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.query_string.decode("latin-1"),
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "REMOTE_USER": "emulator",
            "REMOTE_ADDR": request.remote_addr or "127.0.0.1",
            **extra,
        }
        for header, name in (("Content-Encoding", "HTTP_CONTENT_ENCODING"), ("Git-Protocol", "GIT_PROTOCOL")):
            if value := request.headers.get(header):
                variables[name] = value
        if length := request.headers.get("Content-Length"):
            variables["CONTENT_LENGTH"] = length
        return subprocess.Popen(
            ["git", "http-backend"],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


def _feed(request: Request, process: subprocess.Popen[bytes]) -> None:
    pipe = process.stdin
    if pipe is None:
        return
    try:
        while block := request.stream.read(_CHUNK_BYTES):
            pipe.write(block)
    except (OSError, ValueError):
        process.kill()  # the client went away in the middle: git must not take the half for the whole
    finally:
        try:
            pipe.close()
        except OSError:
            process.poll()


def _read_head(pipe: IO[bytes]) -> tuple[int, list[tuple[str, str]]]:
    status = 200
    headers: list[tuple[str, str]] = []
    for line in iter(pipe.readline, b""):
        text = line.decode("latin-1").rstrip("\r\n")
        if not text:
            return status, headers
        name, _, value = text.partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        elif name.lower() != "content-length":
            headers.append((name, value.strip()))
    return 500, []


def _stream(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    pipe: Any = process.stdout
    try:
        while block := pipe.read1(_CHUNK_BYTES):
            yield block
    finally:
        pipe.close()
        if process.poll() is None:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
