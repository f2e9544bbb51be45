"""Runs real commands and kills them: at a call that the emulator holds, or before a step on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stand import Stand

FORKSERVER = Path(__file__).with_name("forkserver.py")
_DEADLINE_SECONDS = 30.0
# What only reads leaves the world as it was: whoever dies after it might as well have died before it.
READS = re.compile(
    r"^(Get|Head|List|BatchGet|Describe)|^GET |^git-upload-pack$|^run git (rev-parse|ls-tree|ls-remote|ls-files|status)"
)


@dataclass(frozen=True)
class Point:
    """Where a process dies: at the nth call of an operation (`sent`, `done`), or before the nth step on its machine."""

    name: str
    number: int
    service: str = ""
    until: str = ""

    def __str__(self) -> str:
        return (
            f"{self.name} #{self.number} {self.until}".rstrip() if self.service else f"{self.name} (step {self.number})"
        )

    @property
    def script(self) -> dict[str, Any]:
        """The script of faults that holds the call; every call of the process is one of the first rule's."""
        hold = {"kind": "hold", "until": self.until}
        answers: list[Any] = ["pass"] * (self.number - 1) + [hold]
        return {"rules": [{"service": self.service, "operation": self.name, "answers": answers}]}


# Every call, noted and not delayed.
WATCHED = {
    "rules": [
        {"service": service, "answers": [{"kind": "delay", "seconds": 0}], "times": None}
        for service in ("aws", "gitlab")
    ]
}


@dataclass(frozen=True)
class Ran:
    """How a command ended (minus a signal's number), and all that it said."""

    code: int
    said: str


class Commands:
    """Runs commands of the product against a stand."""

    def __init__(self, stand: Stand, scratch: Path) -> None:
        self._stand, self._scratch = stand, scratch
        self._server = subprocess.Popen(
            [sys.executable, str(FORKSERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**stand.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._tell({"environment": stand.environment, "cwd": str(stand.folder)})
        self._hear()
        self.said = ""

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=10)

    def run(self, argv: list[str], environment: Mapping[str, str]) -> Ran:
        """Run a command to its end."""
        self._begin(argv, environment, 0)
        return self._ended()

    def points(self, argv: list[str], environment: Mapping[str, str]) -> tuple[Ran, list[Point]]:
        """Run a command to its end without any fault; return where it could have died."""
        self._stand.faults.use(_rules(WATCHED))
        try:
            self._begin(argv, environment, 0)
            ran = self._ended()
            journal = self._stand.faults.told()["journal"]
        finally:
            self._stand.faults.use(())
        steps = self._journal.read_text().splitlines() if self._journal.exists() else []
        local = [Point(step, number) for number, step in enumerate(steps, start=1) if not READS.search(step)]
        return ran, [*_calls(journal), *local]

    def killed(self, argv: list[str], environment: Mapping[str, str], point: Point) -> bool:
        """Kill a command at a point; return False when it never came there."""
        if not point.service:
            self._begin(argv, environment, point.number)
            return self._ended().code == -signal.SIGKILL
        self._stand.faults.use(_rules(point.script))
        try:
            child = self._begin(argv, environment, 0)
            deadline = time.monotonic() + _DEADLINE_SECONDS
            while not self._stand.faults.told()["held"]:
                if time.monotonic() > deadline or not Path(f"/proc/{child}").exists():
                    break
                time.sleep(0.002)
            # With what it has started, as when a pod is removed: the held call may be one of git's.
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            return self._ended().code == -signal.SIGKILL and not self._still_held()
        finally:
            self._stand.faults.use(())

    def _still_held(self) -> bool:
        """Wait until the emulator has seen that the client is gone."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while self._stand.faults.told()["held"] and time.monotonic() < deadline:
            time.sleep(0.002)
        return bool(self._stand.faults.told()["held"])

    def _begin(self, argv: list[str], environment: Mapping[str, str], kill_at: int) -> int:
        name = uuid.uuid4().hex
        self._output, self._journal = self._scratch / f"{name}.out", self._scratch / f"{name}.journal"
        self._tell(
            {
                "argv": argv,
                "cwd": str(self._stand.folder),
                "environment": dict(environment),
                "output": str(self._output),
                "journal": str(self._journal),
                "kill_at": kill_at,
            }
        )
        return int(self._hear())

    def _ended(self) -> Ran:
        code, said = int(self._hear()), self._output.read_text()
        self.said += said
        return Ran(code, said)

    def _tell(self, message: Mapping[str, Any]) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(message) + "\n")
        self._server.stdin.flush()

    def _hear(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline()


def _calls(journal: list[dict[str, Any]]) -> Iterator[Point]:
    """Yield the moment before the first call, and after each that writes: it was acted on, and is not answered yet."""
    seen: Counter[tuple[str, str]] = Counter()
    for line in journal:
        call = (line["service"], line["operation"])
        if not seen:
            yield Point(call[1], 1, service=call[0], until="sent")
        seen[call] += 1
        if not READS.search(call[1]):
            yield Point(call[1], seen[call], service=call[0], until="done")


def _rules(script: Mapping[str, Any]) -> Any:
    from orchestrator.emulator.injection.rules import parse

    return parse(script, lambda _: None)
