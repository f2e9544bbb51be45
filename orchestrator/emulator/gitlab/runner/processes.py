"""Starting a shell in a process group of its own, and ending that group for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

_POLL_SECONDS = 0.02


def start(script: Path, *, directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `bash script` as the leader of a new session; output and errors come through one pipe."""
    shell = "bash" if _has_bash(environment) else "sh"
    return subprocess.Popen(
        [shell, str(script)],
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _has_bash(environment: Mapping[str, str]) -> bool:
    folders = [*os.environ.get("PATH", os.defpath).split(":"), *environment.get("PATH", "").split(":")]
    return any(os.access(Path(folder) / "bash", os.X_OK) for folder in folders if folder)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a whole process group, if there is any of it left."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return


def group_lives(leader: int) -> bool:
    """Tell whether any process of the group is left."""
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_group(process: subprocess.Popen[bytes], *, grace_seconds: float) -> None:
    """End a process group: SIGTERM, and after the grace SIGKILL to what is left."""
    signal_group(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline:
        process.poll()
        if not group_lives(process.pid):
            return
        time.sleep(_POLL_SECONDS)
    signal_group(process.pid, signal.SIGKILL)


def end_leftover(leader: int, workspace: Path) -> None:
    """Kill the group of a job that outlived an emulator which was itself killed.

    The number may belong to somebody else by now, so a group is only killed when its leader's working
    directory is in the job's folder.
    """
    try:
        directory = Path(f"/proc/{leader}/cwd").readlink()
    except OSError:
        return
    if directory.is_relative_to(workspace):
        signal_group(leader, signal.SIGKILL)
