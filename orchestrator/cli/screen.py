"""What people see: narration on standard error, data on standard output."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

from orchestrator.errors import MachineryError
from orchestrator.render.terminal import printable, without_secrets


def narrate(line: str) -> None:
    """Say one line on standard error; when nobody can hear it, the work goes on."""
    # `sys.stderr` is None when the descriptor is closed; a full disk or a reader that has gone is an OSError.
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{printable(without_secrets(line, os.environ))}\n")
        sys.stderr.flush()


def print_data(text: str) -> None:
    """Print data on standard output, at once.

    Raises `BrokenPipeError` when its reader has gone, and `MachineryError` when it takes nothing.
    """
    if sys.stdout is None:
        raise MachineryError("cannot write to standard output", detail="observed: it is closed", hint="open it")
    encoding = sys.stdout.encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MachineryError(
            "cannot write to standard output", detail=str(error.strerror or error), hint="make room and run it again"
        ) from error


def print_json(value: Any) -> None:
    """Print data as JSON on standard output."""
    print_data(json.dumps(value, indent=2, sort_keys=True, default=str))
