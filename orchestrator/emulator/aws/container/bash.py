"""One bash process that runs a command file whenever it is asked to, and tells the exit status.

bash runs a small loop: it waits for a line on a private pipe, sources the command file and reports `$?` on a
second pipe. Both pipes are closed for the command itself, so nothing a command starts can hold them open, and
end of file on the second one means that bash has ended (`exit 3`, `set -e`, `exec`, a signal). After every
command, and when bash ends, variables, functions, options and the directory are saved for the next bash.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

_TICK_SECONDS = 0.1
_LAST_SECONDS = 0.01
_FIRST_DESCRIPTOR = 200  # above anything that a script opens by number
_CHUNK_BYTES = 65536

# `set -a`: CodeBuild exports every variable that a command sets.
_LOOP = """\
{{ builtin set -a
if [[ -f {state} ]]; then builtin . {state}; fi; }} 2>/dev/null
__codebuild_save() {{
  builtin declare -p >{state}
  builtin declare -f >>{state}
  builtin printf 'builtin cd -- %q\\n' "$PWD" >>{state}
  builtin set +o >>{state}
}}
{{ builtin declare +x -f __codebuild_save
builtin trap '{{ __codebuild_save; }} 2>/dev/null' EXIT; }} 2>/dev/null
while {{ builtin read -r -u {requests} _; }} 2>/dev/null; do
  {{ builtin . {variables}; }} 2>/dev/null
  builtin . {command} {requests}<&- {statuses}>&-
  {{ builtin printf '%s\\n' "$?" >&{statuses}; __codebuild_save || builtin :; }} 2>/dev/null
done
"""


class Bash:
    """A running bash with its control files in `directory`: `command.sh`, `variables.sh`, `state.sh`."""

    def __init__(self, directory: Path, environment: Mapping[str, str], cwd: Path) -> None:
        request_reader, self._requests = _pipe()
        self._statuses, status_writer = _pipe()
        files = {name: shlex.quote(str(directory / f"{name}.sh")) for name in ("state", "variables", "command")}
        loop = directory / "loop.sh"
        loop.write_text(_LOOP.format(requests=request_reader, statuses=status_writer, **files), encoding="utf-8")
        try:
            self._process = subprocess.Popen(
                [shutil.which("bash") or "/bin/bash", "--noprofile", "--norc", str(loop)],
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(request_reader, status_writer),
                start_new_session=True,
            )
        finally:
            os.close(request_reader)
            os.close(status_writer)
        self._output = os.dup(self._process.stdout.fileno()) if self._process.stdout else -1
        os.set_blocking(self._output, False)

    @property
    def session(self) -> int:
        """Return the id of the process session (and group) that bash leads."""
        return self._process.pid

    def request(self) -> None:
        """Ask for one run of `command.sh`."""
        with suppress(BrokenPipeError):  # bash was killed from outside; `follow` will tell
            os.write(self._requests, b"\n")

    def finish(self) -> None:
        """Let bash end by itself, so that an EXIT trap runs; `follow` waits for it."""
        os.close(self._requests)
        self._requests = -1

    def follow(self, output: Callable[[bytes], None], tick: Callable[[], None]) -> int | None:
        """Pass output on until a status arrives, and return it; return None when the process ended instead.

        `tick` is called at least ten times a second and may raise.
        """
        ended = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            selector.register(self._statuses, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(_LAST_SECONDS if ended else _TICK_SECONDS)}
                if self._output in ready and not self._pass_on(output):
                    selector.unregister(self._output)  # `exec >file`: the command closed its output
                if self._statuses in ready:
                    answer = os.read(self._statuses, 64)
                    if answer:
                        self._drain(output)
                        return int(answer)
                    selector.unregister(self._statuses)  # bash ended, or `exec` made another program of it
                    ended = True
                if ended and self._process.poll() is not None:
                    self._drain(output)
                    return None
                tick()

    def kill(self) -> None:
        """Kill the whole process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.session, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for the end of bash and return its exit status (negative for a signal)."""
        status = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        for descriptor in (self._requests, self._statuses, self._output):
            if descriptor >= 0:
                os.close(descriptor)
        return status

    def _drain(self, output: Callable[[bytes], None]) -> None:
        while self._pass_on(output, more=True):
            pass

    def _pass_on(self, output: Callable[[bytes], None], *, more: bool = False) -> bool:
        """Pass one chunk on; return False at end of file, and with `more` also when nothing is there now."""
        try:
            chunk = os.read(self._output, _CHUNK_BYTES)
        except BlockingIOError:
            return not more
        if chunk:
            output(chunk)
        return bool(chunk)


def _pipe() -> tuple[int, int]:
    """Return reader and writer of a pipe, at numbers that no script uses."""
    reader, writer = os.pipe()
    try:
        return (
            fcntl.fcntl(reader, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR),
            fcntl.fcntl(writer, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR),
        )
    finally:
        os.close(reader)
        os.close(writer)
