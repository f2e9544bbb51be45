"""The one place where failures become text and exit codes: yours, ours, interrupted."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from orchestrator import __version__
from orchestrator.errors import OrchestratorError

_USAGE = 2
_INTERRUPTED = 4
_OUR_BUG = 70


class Interrupted(BaseException):
    """SIGTERM arrived. Not an `Exception`, so that nothing on the way mistakes it for a failure."""


def guarded(run: Callable[[], Any]) -> NoReturn:
    """Call `run` and exit: every failure as a message on standard error and the exit code of its class."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        outcome = run()
    except OrchestratorError as error:
        _say(f"error: {error}")
        sys.exit(error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.UsageError as error:
        _say_usage(error)
        sys.exit(_USAGE)
    except click.ClickException as error:
        _say(f"error: {error.format_message()}")
        sys.exit(_USAGE)
    except (KeyboardInterrupt, click.Abort, Interrupted):
        _say("error: interrupted\n\nhint: run the command again; every stage can be repeated")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; the interpreter must not trip over the pipe again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the boundary: what arrives here is a bug of ours
        _say(_report(error))
        sys.exit(_OUR_BUG)
    sys.exit(outcome if isinstance(outcome, int) else 0)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    # A second signal must not break off the clean-up that the first has started.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Interrupted


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _say_usage(error: click.UsageError) -> None:
    command = error.ctx.command_path if error.ctx else "orchestrator"
    _say(f"error: {error.format_message()}\n\nhint: `{command} --help` shows what it takes")


def _report(error: Exception) -> str:
    """Write the traceback to a file (its frames, never the values in them) and return what to say."""
    handle, name = tempfile.mkstemp(prefix="orchestrator-bug-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"orchestrator {__version__}, Python {sys.version}\n\n")
        file.write("".join(traceback.format_tb(error.__traceback__)))
        file.write(f"{type(error).__name__}\n")
    return (
        f"error: this is a bug in orchestrator ({type(error).__name__})\nreport: {Path(name)}\n\n"
        "hint: open an issue with this report; it holds no values, only the way through the code"
    )
