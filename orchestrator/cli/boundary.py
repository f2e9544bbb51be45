"""The one place where failures become text and exit codes: yours, ours, interrupted."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from orchestrator import __version__
from orchestrator.cli.screen import narrate
from orchestrator.effects.files import file_failure
from orchestrator.errors import OrchestratorError
from orchestrator.redacted_stream import finish_output, redact_output
from orchestrator.redaction import KNOWN

_USAGE = 2
_INTERRUPTED = 4
_OUR_BUG = 70


class Interrupted(BaseException):
    """SIGTERM arrived. Not an `Exception`, so that nothing on the way mistakes it for a failure."""


def guarded(run: Callable[[], Any]) -> NoReturn:
    """Call `run` and exit: every failure as a message on standard error and the exit code of its class.

    From here on no output of this process holds what the variables of its environment keep secret.
    """
    KNOWN.learn(os.environ)
    redact_output(KNOWN)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        outcome = run()
    except click.exceptions.Exit as error:
        code = error.exit_code
    except BrokenPipeError:
        code = 0
    except BaseException as error:  # noqa: BLE001 - the boundary: nothing may pass it without its exit code
        code = _told(error)
    else:
        code = outcome if isinstance(outcome, int) else 0
    _forget_output()
    sys.exit(code)


def _told(error: BaseException) -> int:
    """Say what has failed, and return the exit code of its class."""
    if isinstance(error, OSError):
        error = file_failure(error) or error
    if isinstance(error, OrchestratorError):
        narrate(f"error: {error}")
        return error.exit_code
    if isinstance(error, click.UsageError) and error.format_message().startswith("Usage:"):
        narrate(error.format_message())  # a bare `orchestrator`: click shows the help
        return _USAGE
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "orchestrator"
        narrate(f"error: {error.format_message()}\n\nhint: `{command} --help` shows what it takes")
        return _USAGE
    if isinstance(error, click.ClickException):
        narrate(f"error: {error.format_message()}")
        return _USAGE
    if isinstance(error, (KeyboardInterrupt, click.Abort, Interrupted)):
        _leave_the_prompt()
        narrate("error: interrupted\n\nhint: run the command again; every stage can be repeated")
        return _INTERRUPTED
    narrate(_report(error))
    return _OUR_BUG


def _leave_the_prompt() -> None:
    """Begin a line of our own at a terminal: what was interrupted may have asked something, and the cursor is there."""
    with suppress(OSError, ValueError, AttributeError):
        if sys.stderr.isatty():
            narrate("")


def _forget_output() -> None:
    """Keep the interpreter from failing with 120 over what nobody took: it flushes both streams again at its end."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            finish_output(stream)
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    # A second signal must not break off the clean-up that the first has started.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Interrupted


@contextmanager
def postponed() -> Iterator[None]:
    """Let SIGTERM and SIGINT wait until the block is over: what it starts must be noted before anything else."""
    arrived: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda received, _: arrived.append(received)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def _report(error: BaseException) -> str:
    """Write the traceback to a file (its frames, never the values in them) and return what to say."""
    what = f"error: this is a bug in orchestrator ({type(error).__name__})"
    try:
        handle, name = tempfile.mkstemp(prefix="orchestrator-bug-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"orchestrator {__version__}, Python {sys.version}\n\n")
            file.write(KNOWN.cleaned("".join(traceback.format_tb(error.__traceback__))))
            file.write(f"{type(error).__name__}\n")
    except OSError as unwritable:
        return f"{what}\nreport: none, {unwritable.strerror}\n\nhint: make room, run it again, and open an issue"
    return (
        f"{what}\nreport: {Path(name)}\n\n"
        "hint: open an issue with this report; it holds no values, only the way through the code"
    )
