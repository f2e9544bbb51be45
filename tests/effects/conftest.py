"""The emulator as a process of its own, and a neighbour whose every answer is scripted."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from orchestrator.effects import aws
from orchestrator.emulator import control

REGION = "eu-central-1"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[control.Running]:
    """Return the emulator that all tests of this folder share."""
    directory = tmp_path_factory.mktemp("emulator")
    yield control.up(directory, detach=False, region=REGION)
    control.down(directory)


def _point_to(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name, value in {**settings, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    aws.client.cache_clear()
    aws._session.cache_clear()  # the endpoint is read when a session is made


@pytest.fixture
def world(running: control.Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[control.Running]:
    """Point all clients of this process to the emulator."""
    _point_to(monkeypatch, control.environment(running))
    yield running
    aws.client.cache_clear()
    aws._session.cache_clear()


@pytest.fixture
def bucket(world: control.Running) -> str:
    """Return a new, versioned bucket."""
    name = f"b-{uuid.uuid4().hex[:20]}"
    client = aws.client("s3", REGION)
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


class Scripted:
    """A server that gives one scripted answer a connection, the last one for ever, and counts the requests."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = list(answers)
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                self.requests.append(connection.recv(65536))
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                connection.sendall(answer)

    def close(self) -> None:
        """End it."""
        # A blocked `accept` does not notice that its socket is closed.
        with suppress(OSError):  # it may be closed already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scripted]]:
    """Return a function that starts a scripted server and points AWS clients to it."""
    servers: list[Scripted] = []

    def start(*answers: bytes, **settings: str) -> Scripted:
        servers.append(Scripted(answers))
        _point_to(
            monkeypatch,
            {
                "AWS_ENDPOINT_URL": servers[-1].url,
                "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
                "AWS_SECRET_ACCESS_KEY": "canary-of-the-secret-key",
                "AWS_MAX_ATTEMPTS": "1",
                **settings,
            },
        )
        # Their own retries are botocore's to test; here they would only cost seconds.
        monkeypatch.setattr(aws, "CONFIG", aws.CONFIG.merge(_once()))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    aws.client.cache_clear()
    aws._session.cache_clear()


def _once() -> Any:
    from botocore.config import Config

    return Config(retries={"mode": "standard", "total_max_attempts": 1})


@pytest.fixture(scope="session")
def answer() -> Callable[..., bytes]:
    """Return a function that spells an HTTP answer; `length` lies about the length of its body."""

    def spell(status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> bytes:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body

    return spell
