"""What people see: narration on standard error, data on standard output."""

from __future__ import annotations

import json
import sys
from typing import Any


def narrate(line: str) -> None:
    """Say one line on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def print_data(text: str) -> None:
    """Print data on standard output."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def print_json(value: Any) -> None:
    """Print data as JSON on standard output."""
    print_data(json.dumps(value, indent=2, sort_keys=True, default=str))
