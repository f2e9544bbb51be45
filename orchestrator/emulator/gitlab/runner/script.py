"""The shell scripts that a job's lines become, as GitLab Runner's bash shell makes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

# Ends the job with code 1 on SIGTERM, stops at the first failing line, and lets a pipe fail if any part does.
_HEAD = """trap 'exit 1' TERM
if set -o | grep pipefail > /dev/null; then set -o pipefail; fi
set -o errexit
set +o noclobber
"""
_ECHO = "\x1b[32;1m$ {line}\x1b[0;m"


def compose(directory: str, lines: Iterable[str], *, tracing: bool = False) -> str:
    """Return a script that changes to the directory and runs the lines, each announced by an echo."""
    parts = [_HEAD, f"cd {shlex.quote(directory)}\n"]
    if tracing:
        parts.append("set -o xtrace\n")
    for line in lines:
        parts.append(f"printf '%s\\n' {shlex.quote(_announce(line))}\n{line}\n")
    return "".join(parts) + "exit 0\n"


def _announce(line: str) -> str:
    first, _, rest = line.strip("\n").partition("\n")
    return _ECHO.format(line=f"{first} # collapsed multi-line command" if rest.strip() else first)


def quoted(command: list[str]) -> str:
    """Return one command as a line of shell in which every argument is quoted."""
    return shlex.join(command)
