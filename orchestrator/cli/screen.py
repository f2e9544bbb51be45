"""What people see: narration on standard error, data on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

from orchestrator.errors import MachineryError
from orchestrator.redaction import KNOWN
from orchestrator.render.terminal import printable


def narrate(line: str) -> None:
    """Say one line on standard error; when nobody can hear it, the work goes on."""
    # `sys.stderr` is None when the descriptor is closed; a full disk or a reader that has gone is an OSError.
    with suppress(OSError, ValueError, AttributeError):
        # Before what is not printable is replaced: a secret that is written in another way would pass.
        sys.stderr.write(f"{printable(KNOWN.cleaned(line))}\n")
        sys.stderr.flush()


def print_data(text: str) -> None:
    """Print data on standard output, at once and without secrets.

    Raises `BrokenPipeError` when its reader has gone, and `MachineryError` when it takes nothing.
    """
    _print(KNOWN.cleaned(text), sys.stdout)


def print_credentials(text: str) -> None:
    """Print what somebody has asked for to log in with, past the redactor: that of the local stand-in, no other."""
    _print(text, getattr(sys.stdout, "beneath", sys.stdout))


def _print(text: str, stream: TextIO | None) -> None:
    if stream is None:
        raise MachineryError("cannot write to standard output", detail="observed: it is closed", hint="open it")
    encoding = stream.encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(shown if shown.endswith("\n") else f"{shown}\n")
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MachineryError(
            "cannot write to standard output", detail=str(error.strerror or error), hint="make room and run it again"
        ) from error


def print_document(fields: Mapping[str, Any]) -> None:
    """Print what `--json` promises: an object that says which version of its schema it is of.

    The schemas are in `orchestrator/cli/schemas`, one for each command; docs/reference/json.md is made from them.
    """
    print_data(document_text(fields))


def document_text(fields: Mapping[str, Any]) -> str:
    """Return the text that `print_document` prints."""
    return _json_text({"schema_version": 1, **fields})


def print_json(value: Any) -> None:
    """Print a JSON document that has a format of its own, such as a JSON Schema, on standard output."""
    print_data(_json_text(value))


def _json_text(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, default=str)
