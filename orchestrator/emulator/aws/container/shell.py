"""Commands one after the other in one shell: `cd`, variables, functions and options persist."""

from __future__ import annotations

import shlex
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.emulator.aws.container.bash import Bash


class Interrupted(Exception):
    """A build was cut off; `reason` is `stopped` or `timed out`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    """What cuts a build off: a request to stop, or its deadline (seconds of the monotonic clock)."""

    stopped: threading.Event
    deadline: float

    def check(self) -> None:
        """Raise Interrupted when the build has to end."""
        if self.stopped.is_set():
            raise Interrupted("stopped")
        if time.monotonic() > self.deadline:
            raise Interrupted("timed out")


class Shell:
    """A shell that starts in `cwd`; `output` gets everything that commands write, in order.

    When a command ends bash itself (`exit 3`), the next command gets a new bash that continues where the
    old one was. `directory` holds the files between this class and bash; `joined` is told each bash's session.
    """

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        cwd: Path,
        output: Callable[[bytes], None],
        limits: Limits,
        joined: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._directory = directory
        self._environment = environment
        self._cwd = cwd
        self._output = output
        self._limits = limits
        self._joined = joined
        self._bash: Bash | None = None
        self._variables: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "variables.sh").touch()

    def run(self, command: str) -> str | None:
        """Run `command`; return None if it succeeded, else why not: `exit status 3`, `signal: killed`.

        Raises Interrupted, after killing the process group, when the build has to end.
        """
        (self._directory / "command.sh").write_bytes(command.encode(errors="replace") + b"\n")
        bash = self._bash or self._start()
        bash.request()
        status = self._follow(bash)
        return _reason(self._forget(bash) if status is None else status)

    def set(self, name: str, value: str) -> None:
        """Export a variable to all commands from now on, whatever a command did to it before."""
        self._variables[name] = value
        lines = [f"builtin export {key}={shlex.quote(text)}\n" for key, text in self._variables.items()]
        (self._directory / "variables.sh").write_text("".join(lines), encoding="utf-8")

    def expand(self, texts: list[str]) -> list[str]:
        """Return each text as bash expands it between double quotes (`$VAR`, `$(date)`)."""
        result = self._directory / "expanded"
        result.unlink(missing_ok=True)
        quoted = " ".join('"' + text.replace('"', '\\"') + '"' for text in texts)
        self.run(f"builtin printf '%s\\0' {quoted} >{shlex.quote(str(result))}")
        expanded = result.read_bytes().decode(errors="replace").split("\0") if result.is_file() else []
        return expanded[:-1] if len(expanded) == len(texts) + 1 else texts

    def close(self) -> None:
        """Let bash end by itself (its EXIT trap runs)."""
        bash = self._bash
        if bash is None:
            return
        bash.finish()
        self._follow(bash)
        self._forget(bash)

    def _start(self) -> Bash:
        self._bash = Bash(self._directory, self._environment, self._cwd)
        self._joined(self._bash.session)
        return self._bash

    def _follow(self, bash: Bash) -> int | None:
        try:
            return bash.follow(self._output, self._limits.check)
        except Interrupted:
            bash.kill()
            self._forget(bash)
            raise

    def _forget(self, bash: Bash) -> int:
        self._bash = None
        return bash.wait()


def _reason(status: int) -> str | None:
    """Return the wording of Go's os/exec, in which CodeBuild's agent reports."""
    if status == 0:
        return None
    if status > 0:
        return f"exit status {status}"
    name = f"signal {-status}"
    with suppress(ValueError):
        name = (signal.strsignal(-status) or name).lower()
    return f"signal: {name}"
