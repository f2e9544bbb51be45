"""A child that holds a lock: interrupted once, waited for, never left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.effects.process import capture, stream
from orchestrator.errors import ConfigurationError

# Holds `lock` while it works, counts the signals it gets, and takes its time to stop, as Terraform does.
LOCK_HOLDER = """
import os, pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1]); stop_seconds = float(sys.argv[2])
signals = []
def note(number, frame):
    signals.append(number)
    (here / "signals").write_text(" ".join(map(str, signals)))
signal.signal(signal.SIGINT, note); signal.signal(signal.SIGTERM, note)
(here / "lock").write_text(str(os.getpid()))
print("working", flush=True)
deadline = time.monotonic() + 30
while not signals and time.monotonic() < deadline:
    time.sleep(0.01)
stopped = time.monotonic() + stop_seconds
while time.monotonic() < stopped:
    print("stopping", flush=True)
    time.sleep(0.05)
(here / "lock").unlink()
"""

# Runs the lock holder as a stage would, and writes down how that ended.
STAGE = """
import json, os, pathlib, sys
from orchestrator.effects.process import stream
from orchestrator.errors import OrchestratorError
here = pathlib.Path(sys.argv[1])
try:
    stream([sys.executable, str(here / "holder.py"), str(here), sys.argv[2]], name="terraform apply", directory=here,
           environment=os.environ, listen=lambda line: None, grace_seconds=float(sys.argv[3]))
except OrchestratorError as error:
    (here / "outcome").write_text(json.dumps([error.exit_code, str(error)]))
"""


def run(script: str, tmp_path: Path, listen: Callable[[str], None] = lambda _line: None) -> int:
    """Run a Python script as a child and return its exit code."""
    ended = stream(
        [sys.executable, "-c", textwrap.dedent(script)],
        name="child",
        directory=tmp_path,
        environment={"PATH": os.environ["PATH"]},
        listen=listen,
    )
    return ended.returncode


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Tell whether a process still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def start_stage(
    tmp_path: Path, *, stop_seconds: float, grace_seconds: float = 20
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a stage and return it with the process id of its lock holder, which has the lock by then."""
    (tmp_path / "holder.py").write_text(LOCK_HOLDER)
    (tmp_path / "stage.py").write_text(STAGE)
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, tmp_path / "stage.py", tmp_path, str(stop_seconds), str(grace_seconds)],
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )
    lock = tmp_path / "lock"
    wait_until(lambda: lock.exists() and lock.read_text() != "")
    return process, int(lock.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_child_once_and_its_lock_is_released(tmp_path: Path, number: signal.Signals) -> None:
    """Cancelling a job that runs Terraform gives the state lock back, and exits with the code for a stopped run."""
    process, holder = start_stage(tmp_path, stop_seconds=0.3)
    process.send_signal(number)
    assert process.wait(20) == 0
    code, text = json.loads((tmp_path / "outcome").read_text())
    assert code == 4
    assert f"`terraform apply` was interrupted by {number.name}" in text
    assert (tmp_path / "signals").read_text() == str(int(signal.SIGINT))
    assert not (tmp_path / "lock").exists()
    assert not alive(holder)


def test_a_signal_to_the_whole_job_does_not_reach_the_child_twice(tmp_path: Path) -> None:
    """A Ctrl-C or a runner's kill that goes to the process group still interrupts Terraform exactly once."""
    process, _ = start_stage(tmp_path, stop_seconds=0.3)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(20)
    assert (tmp_path / "signals").read_text() == str(int(signal.SIGINT))


def test_an_impatient_second_signal_changes_nothing(tmp_path: Path) -> None:
    """Pressing Ctrl-C again and again does not make Terraform drop its state."""
    process, _ = start_stage(tmp_path, stop_seconds=0.6)
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    process.wait(20)
    assert (tmp_path / "signals").read_text() == str(int(signal.SIGINT))
    assert not (tmp_path / "lock").exists()


def test_a_child_that_does_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    """A hung Terraform does not hang the job for ever, and the message says that its lock may be left."""
    process, holder = start_stage(tmp_path, stop_seconds=20, grace_seconds=0.3)
    process.terminate()
    process.wait(10)
    assert not alive(holder)
    assert "may be locked still" in json.loads((tmp_path / "outcome").read_text())[1]


def test_a_child_outlives_our_death_only_to_release_its_lock(tmp_path: Path) -> None:
    """Even `kill -9` leaves no orphan: Terraform is interrupted, stops in an orderly way and unlocks the state."""
    process, holder = start_stage(tmp_path, stop_seconds=0.3)
    process.kill()
    process.wait(10)
    wait_until(lambda: not alive(holder))
    assert (tmp_path / "signals").read_text() == str(int(signal.SIGINT))
    assert not (tmp_path / "lock").exists()


def test_lines_arrive_while_the_child_still_runs(tmp_path: Path) -> None:
    """Progress is seen when it happens, not at the end."""
    script = """
        import pathlib, time
        print("first", flush=True)
        while not pathlib.Path("seen").exists():
            time.sleep(0.01)
        print("second")
    """
    lines: list[str] = []

    def listen(line: str) -> None:
        lines.append(line)
        (tmp_path / "seen").touch()

    assert run(script, tmp_path, listen) == 0
    assert lines == ["first", "second"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("print('out'); import sys; print('err', file=sys.stderr)", {"out", "err"}),
        ("print('no line end', end='')", {"no line end"}),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe ok\\n')", {"\ufffd\ufffd ok"}),
        ("print('ü' * 100_000)", {"ü" * 100_000}),
        ("print('a\\r')", {"a"}),
        ("", set()),
    ],
)
def test_every_line_arrives_whole(tmp_path: Path, script: str, expected: set[str]) -> None:
    """Both streams are heard, and odd bytes, long lines and missing line ends lose nothing."""
    lines: list[str] = []
    run(script, tmp_path, lines.append)
    assert set(lines) == expected


def test_the_exit_code_comes_back(tmp_path: Path) -> None:
    """The caller can tell success from failure."""
    assert run("raise SystemExit(7)", tmp_path) == 7


def test_a_listener_that_fails_leaves_no_child_behind(tmp_path: Path) -> None:
    """A broken pipe on our own output interrupts Terraform instead of abandoning it."""
    (tmp_path / "holder.py").write_text(LOCK_HOLDER)

    def listen(_line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        stream(
            [sys.executable, str(tmp_path / "holder.py"), str(tmp_path), "0"],
            name="child",
            directory=tmp_path,
            environment=os.environ,
            listen=listen,
        )
    assert (tmp_path / "signals").exists()
    assert not (tmp_path / "lock").exists()


def test_nothing_that_the_child_started_is_left(tmp_path: Path) -> None:
    """A plugin that a crashed Terraform left behind goes too."""
    script = """
        import pathlib, subprocess, sys
        plugin = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
        pathlib.Path("plugin").write_text(str(plugin.pid))
    """
    assert run(script, tmp_path) == 0
    plugin = int((tmp_path / "plugin").read_text())
    wait_until(lambda: not alive(plugin))


def test_our_own_signal_handlers_are_back_afterwards(tmp_path: Path) -> None:
    """Only while a child runs are signals held back."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run("", tmp_path)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_data_and_complaints_are_kept_apart(tmp_path: Path) -> None:
    """JSON on standard output is not spoiled by a warning on standard error."""
    captured = capture(
        [sys.executable, "-c", "import sys; print('{}'); print('careful', file=sys.stderr)"],
        name="child",
        directory=tmp_path,
        environment={},
    )
    assert (captured.stdout, captured.tail) == ("{}\n", ("careful",))


def test_a_program_that_is_not_there_is_the_callers_problem(tmp_path: Path) -> None:
    """A missing program is named in one message and not in a traceback."""
    with pytest.raises(ConfigurationError, match="cannot start `terraform plan`"):
        stream(["./none"], name="terraform plan", directory=tmp_path, environment={}, listen=print)
