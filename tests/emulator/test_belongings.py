"""Processes and temporary directories of builds and jobs, which never outlive their owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.emulator.belongings import Belongings
from orchestrator.emulator.processes import start_time

# Two owners; between them the guardian is killed, and at the end the program kills itself.
_PROGRAM = """
import os, signal, subprocess, sys
from orchestrator.emulator import guardian
from orchestrator.emulator.belongings import Belongings

def owner(marker):
    made = Belongings(f"MARK={marker}-{os.getpid()}")
    environment = {"MARK": made.marker.partition("=")[2], "PATH": os.environ["PATH"]}
    sleeper = subprocess.Popen(["sleep", "60"], env=environment, start_new_session=True)
    print(sleeper.pid, made.folder, flush=True)

owner("one")
process = guardian.of_this_process()._process
process.kill()
process.wait()
owner("two")
os.kill(os.getpid(), signal.SIGKILL)
"""


def _eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_killed_guardian_is_replaced_with_all_it_knew() -> None:
    """After SIGKILL of the guardian and then of the emulator nothing is left, of old owners and new ones."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    owners = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert len(owners) == 2
    assert _eventually(lambda: all(start_time(int(pid)) is None for pid, _ in owners))
    assert _eventually(lambda: not any(Path(folder).exists() for _, folder in owners))


def test_the_end_takes_everything_along() -> None:
    """`end` kills what left the session, removes the directory, and can be called again."""
    owned = Belongings(f"MARK={os.urandom(8).hex()}")
    name, _, value = owned.marker.partition("=")
    (owned.folder / "file").touch()
    sleeper = subprocess.Popen(["sleep", "60"], env={name: value, "PATH": os.environ["PATH"]}, start_new_session=True)
    owned.end()
    owned.end()
    assert sleeper.wait(timeout=20) == -signal.SIGKILL
    assert not owned.folder.exists()


def test_the_directory_is_short_on_every_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Unix socket fits into it, even when TMPDIR is very deep."""
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    owned = Belongings(f"MARK={os.urandom(8).hex()}")
    owned.end()
    assert len(str(owned.folder)) < 40
