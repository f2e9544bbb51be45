"""Start, find and end the emulator from another process: `up`, `status`, `down`, `environment`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.emulator.aws.container.environment import aws_settings, network_settings
from orchestrator.emulator.processes import start_time
from orchestrator.errors import MachineryError

LOG_FILE = "emulator.log"
_STATE_FILE = "emulator.json"
_TICK_SECONDS = 0.05
_LOG_LINES = 8


@dataclass(frozen=True)
class Running:
    """A running emulator, as its `emulator.json` tells; `gitlab_token` is the root user's."""

    directory: Path
    pid: int
    pid_started: str | None
    aws_url: str
    gitlab_url: str
    gitlab_token: str
    account_id: str
    region: str
    started_at: str


def up(
    directory: Path,
    *,
    detach: bool,
    region: str = "eu-central-1",
    aws_port: int = 0,
    gitlab_port: int = 0,
    minute_seconds: float = 60.0,
    timeout_seconds: float = 60.0,
) -> Running:
    """Start an emulator on `directory`, or return the one that runs there, when it answers.

    With `detach` it outlives this process; otherwise it ends with it. `minute_seconds` is the length of a
    minute in build time-outs. Raises MachineryError, naming the log file, when it does not get ready.
    """
    running = status(directory)
    if running is not None:
        return running
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _STATE_FILE).unlink(missing_ok=True)
    command = [sys.executable, "-m", "orchestrator.emulator", "--directory", str(directory.resolve())]
    command += ["--region", region, "--aws-port", str(aws_port), "--gitlab-port", str(gitlab_port)]
    command += ["--minute-seconds", str(minute_seconds)]
    if not detach:
        command += ["--parent-pid", str(os.getpid())]
    log = directory / LOG_FILE
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
    return _wait_until_ready(directory, process, log, timeout_seconds)


def status(directory: Path) -> Running | None:
    """Return the emulator that runs on `directory`, or None."""
    try:
        state = json.loads((directory / _STATE_FILE).read_text(encoding="utf-8"))
        running = Running(directory=directory, **state)
    except (OSError, ValueError, TypeError):
        return None
    return running if _is_ours(running) else None


def down(directory: Path, *, timeout_seconds: float = 30.0) -> bool:
    """End the emulator on `directory` and wait for it; return False if none was running.

    Raises MachineryError when it had to be killed.
    """
    running = status(directory)
    if running is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    if not _ended_within(running, timeout_seconds):
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)
        raise MachineryError(
            f"the emulator in `{directory}` did not end and was killed",
            detail=f"it had {timeout_seconds:g} seconds; its builds and jobs may still run",
            hint=f"see `{directory / LOG_FILE}`",
        )
    return True


def environment(running: Running) -> dict[str, str]:
    """Return the variables with which AWS and GitLab clients find the emulator."""
    around_proxies = {name: value for name, value in network_settings().items() if name.lower() == "no_proxy"}
    return {
        **around_proxies,
        **aws_settings(running.aws_url, running.region),
        "CI_SERVER_URL": running.gitlab_url,
        "CI_API_V4_URL": f"{running.gitlab_url}/api/v4",
        "ORCHESTRATOR_GITLAB_TOKEN": running.gitlab_token,
    }


def _wait_until_ready(directory: Path, process: subprocess.Popen[bytes], log: Path, timeout_seconds: float) -> Running:
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        running = status(directory)
        if running is not None and running.pid == process.pid:
            return running
        if process.poll() is not None:
            detail = f"it ended with exit code {process.returncode}\n{_last_lines(log)}".rstrip()
            raise MachineryError("the emulator did not start", detail=detail, hint=f"see `{log}`")
        time.sleep(_TICK_SECONDS)
    process.terminate()
    detail = f"it was not ready after {timeout_seconds:g} seconds\n{_last_lines(log)}".rstrip()
    raise MachineryError("the emulator did not start", detail=detail, hint=f"see `{log}`")


def _is_ours(running: Running) -> bool:
    """Return whether the process of that pid is the one that wrote the file: pids are used again."""
    if running.pid_started is not None:
        return start_time(running.pid) == running.pid_started
    try:
        os.kill(running.pid, 0)
    except OSError:
        return False
    return True


def _ended_within(running: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(ChildProcessError):  # if it is our child, do not leave a zombie
            os.waitpid(running.pid, os.WNOHANG)
        if not _is_ours(running):
            return True
        time.sleep(_TICK_SECONDS)
    return False


def _last_lines(log: Path) -> str:
    with suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
    return ""
