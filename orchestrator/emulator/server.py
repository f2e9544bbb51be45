"""The emulator's process: AWS and GitLab on two loopback ports, ended by a signal or with the parent."""

from __future__ import annotations

import datetime
import fcntl
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from orchestrator.emulator import processes
from orchestrator.emulator.aws.app import AwsEmulator
from orchestrator.emulator.aws.codebuild import records
from orchestrator.emulator.aws.container import environment
from orchestrator.emulator.injection.door import with_door
from orchestrator.emulator.injection.engine import Faults
from orchestrator.emulator.injection.front import ABRUPTLY
from orchestrator.errors import MachineryError

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

ACCOUNT_ID = "123456789012"
DEFAULT_REGION = "eu-central-1"
STATE_FILE = "emulator.json"
_HOST = "127.0.0.1"
_PARENT_CHECK_SECONDS = 0.5
_log = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Server:
    """A threaded HTTP server on loopback; port 0 takes a free one."""

    def __init__(self, application: Application, port: int) -> None:
        from moto.moto_server.werkzeug_app import MotoRequestHandler
        from werkzeug.serving import make_server

        class Handler(MotoRequestHandler):
            def log_request(self, *_: object) -> None:
                """Keep quiet: requests of a demo are not news."""

            def connection_dropped(self, *_: object) -> None:
                """Look for no further request where the connection is broken."""
                self.close_connection = True

        self._server: BaseWSGIServer = make_server(_HOST, port, application, threaded=True, request_handler=Handler)
        orderly = self._server.shutdown_request

        def end(connection: Any) -> None:
            """Close a connection; one that was marked to break must not say goodbye, so that it is reset."""
            broken = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(ABRUPTLY)) == ABRUPTLY
            (self._server.close_request if broken else orderly)(connection)

        self._server.shutdown_request = end  # type: ignore[method-assign, assignment]
        self._thread = threading.Thread(target=self._server.serve_forever, name=f"http-{port}", daemon=True)

    @property
    def url(self) -> str:
        """Return `http://127.0.0.1:PORT`."""
        return f"http://{_HOST}:{self._server.server_port}"

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._server.server_close()


class Emulator:
    """Both halves below `directory`; `start` returns what `emulator.json` holds.

    Raises MachineryError when another emulator runs on the same directory.
    """

    def __init__(
        self, directory: Path, *, region: str, aws_port: int = 0, gitlab_port: int = 0, minute_seconds: float = 60.0
    ) -> None:
        self._directory = directory
        self._region = region
        self._token = f"glpat-{secrets.token_urlsafe(20)}"
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(directory)
        self._faults = Faults()
        self._aws = AwsEmulator(
            directory / "aws",
            region=region,
            account_id=ACCOUNT_ID,
            self_url=lambda: self._aws_server.url,
            minute_seconds=minute_seconds,
            faults=self._faults,
        )
        self._aws_server = Server(self._aws.wsgi, aws_port)
        self._gitlab = self._make_gitlab()
        door = with_door(self._gitlab.wsgi, self._faults, self._token, self._gitlab.operations)
        self._gitlab_server = Server(door, gitlab_port)

    def start(self) -> dict[str, Any]:
        """Serve, and tell in `emulator.json` (mode 0600) where."""
        self._aws_server.start()
        self._gitlab_server.start()
        state = {
            "pid": os.getpid(),
            "pid_started": processes.start_time(os.getpid()),
            "aws_url": self._aws_server.url,
            "gitlab_url": self._gitlab_server.url,
            "gitlab_token": self._token,
            "account_id": ACCOUNT_ID,
            "region": self._region,
            "started_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        }
        records.save(self._directory / STATE_FILE, state)
        return state

    def close(self) -> None:
        """End builds and jobs first, while what they report to is still there; then the servers."""
        for close in (self._gitlab.close, self._aws.close, self._gitlab_server.close, self._aws_server.close):
            try:
                close()
            except Exception:  # noqa: BLE001 - the other parts must be closed all the same
                _log.exception("closing failed")
        (self._directory / STATE_FILE).unlink(missing_ok=True)
        self._lock.close()

    def _make_gitlab(self) -> Any:
        from orchestrator.emulator.gitlab.app import GitLabEmulator

        return GitLabEmulator(
            self._directory / "gitlab",
            root_token=self._token,
            self_url=lambda: self._gitlab_server.url,
            job_environment=self._job_environment,
            faults=self._faults,
        )

    def _job_environment(self) -> Mapping[str, str]:
        return {
            **environment.network_settings(),
            **environment.aws_settings(self._aws_server.url, self._region),
            "PATH": environment.search_path(),
        }


def _lock(directory: Path) -> IO[bytes]:
    stream = (directory / "emulator.lock").open("ab")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.close()
        raise MachineryError(
            f"another emulator runs on `{directory}`", hint="end it, or give this one a directory of its own"
        ) from error
    return stream


def serve(emulator: Emulator, parent_pid: int | None) -> None:
    """Run until SIGTERM, SIGINT, or until the parent process is gone; then end everything.

    The parent is looked at twice a second. Linux could signal its death (PR_SET_PDEATHSIG), but does so
    already when the *thread* ends that started us.
    """
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    parent_started = processes.start_time(parent_pid) if parent_pid is not None else None
    try:
        emulator.start()
        while not ended.wait(_PARENT_CHECK_SECONDS):
            if parent_pid is not None and not _is_alive(parent_pid, parent_started):
                _log.info("parent %s is gone", parent_pid)
                break
    finally:
        emulator.close()


def _is_alive(pid: int, started: str | None) -> bool:
    if started is not None:
        return processes.start_time(pid) == started
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return sys.platform != "linux"
