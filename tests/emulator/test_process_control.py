"""The emulator as a process: start, find, end, and end with its parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import gitlab
import pytest
from botocore.config import Config

from orchestrator.emulator import control
from orchestrator.emulator.processes import start_time
from orchestrator.errors import MachineryError


def _client(running: control.Running, service: str) -> Any:
    variables = control.environment(running)
    return boto3.client(
        service,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}),
    )


def _gone(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if start_time(pid) is None:
            return True
        time.sleep(0.05)
    return False


def test_up_status_and_down(tmp_path: Path) -> None:
    """Two emulators side by side, each found by its directory; a build's processes end with `down`."""
    first, second = tmp_path / "one", tmp_path / "two"
    running = control.up(first, detach=True, region="eu-west-1")
    other = control.up(second, detach=True)
    try:
        assert control.up(first, detach=True) == running == control.status(first)
        assert running.aws_url != other.aws_url
        assert (first / "emulator.json").stat().st_mode & 0o777 == 0o600
        assert (running.account_id, running.region) == ("123456789012", "eu-west-1")
        assert control.environment(running)["CI_API_V4_URL"] == running.gitlab_url + "/api/v4"
        sleeper = _start_sleeping_build(running, first)
    finally:
        assert control.down(first)
        assert control.down(second)
    assert _gone(sleeper)
    assert not control.down(first)
    assert control.status(first) is None
    [record] = [json.loads(path.read_text()) for path in first.glob("aws/codebuild/*/builds/*/build.json")]
    assert record["build"]["buildStatus"] == "STOPPED"


def _start_sleeping_build(running: control.Running, directory: Path) -> int:
    mark = directory / "pid"
    _start_build(running, f"echo $$ >{mark}; sleep 60")
    return _pid_in(mark)


def _start_build(running: control.Running, command: str) -> None:
    codebuild = _client(running, "codebuild")
    codebuild.create_project(
        name="sleeper",
        source={
            "type": "NO_SOURCE",
            "buildspec": json.dumps({"version": "0.2", "phases": {"build": {"commands": [command]}}}),
        },
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "ARM_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole="arn:aws:iam::123456789012:role/x",
    )
    codebuild.start_build(projectName="sleeper")


def _pid_in(mark: Path) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (mark.exists() and mark.read_text()):
        time.sleep(0.05)
    return int(mark.read_text())


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_attached_emulator_ends_with_its_parent(tmp_path: Path, end: signal.Signals) -> None:
    """However the parent dies, nothing stays behind."""
    program = (
        "import sys, time, pathlib; from orchestrator.emulator import control\n"
        "print(control.up(pathlib.Path(sys.argv[1]), detach=False).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(end)
    parent.wait(timeout=10)
    assert _gone(pid)
    parent.stdout.close()


def test_a_port_that_is_taken_is_told_with_the_log_file(tmp_path: Path) -> None:
    """An emulator that cannot start says so at once and names its log."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MachineryError) as caught:
            control.up(tmp_path, detach=True, aws_port=taken.getsockname()[1])
    assert str(tmp_path / "emulator.log") in caught.value.hint


def test_a_directory_has_one_emulator(tmp_path: Path) -> None:
    """A second process on the same directory is refused, and the first is not disturbed."""
    running = control.up(tmp_path, detach=True)
    try:
        command = [sys.executable, "-m", "orchestrator.emulator", "--directory", str(tmp_path)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 3
        assert "another emulator runs on" in second.stderr
        assert control.status(tmp_path) == running
    finally:
        control.down(tmp_path)


def test_a_stale_file_never_ends_a_stranger(tmp_path: Path) -> None:
    """A pid that belongs to another process by now is not signalled."""
    state = {
        "pid": os.getpid(), "pid_started": "1", "aws_url": "", "gitlab_url": "", "gitlab_token": "", "account_id": "",
        "region": "", "started_at": "",
    }  # fmt: skip
    (tmp_path / "emulator.json").write_text(json.dumps(state))
    assert control.status(tmp_path) is None
    assert control.down(tmp_path) is False


_HIDING = "setsid sh -c 'echo $$ >{mark}; exec sleep 60' & sleep 60"


def _start_sleeping_job(running: control.Running, mark: Path) -> None:
    server = gitlab.Gitlab(running.gitlab_url, private_token=running.gitlab_token)
    project = server.projects.create({"name": "sleeper"})
    content = json.dumps({"sleep": {"script": [_HIDING.format(mark=mark)]}})
    project.files.create({"file_path": ".gitlab-ci.yml", "branch": "main", "content": content, "commit_message": "ci"})


def _carriers(words: list[str]) -> list[str]:
    """Return what processes have one of the words in their environment, or in their command."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        found += [entry.name for word in words if word.encode() in text]
    return found


def test_a_killed_emulator_leaves_no_process_behind(tmp_path: Path) -> None:
    """After SIGKILL a build and a job end within seconds, with what hid in sessions and their temporary files."""
    running = control.up(tmp_path / "state", detach=True)
    marks = {name: tmp_path / name for name in ("build", "job")}
    try:
        _start_build(running, _HIDING.format(mark=marks["build"]))
        _start_sleeping_job(running, marks["job"])
        hidden = {name: _pid_in(mark) for name, mark in marks.items()}
        folders = [_variable(pid, "TMPDIR") for pid in hidden.values()]
        assert all(len(folder) < 60 and Path(folder).is_dir() for folder in folders)
    finally:
        os.kill(running.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    words = [str(tmp_path), *folders]
    while (_carriers(words) or any(map(os.path.exists, folders))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _carriers(words) == []
    assert not any(map(os.path.exists, folders))


def _variable(pid: int, name: str) -> str:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return next(entry.partition("=")[2] for entry in entries if entry.startswith(f"{name}="))
