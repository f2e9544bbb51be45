"""GitLab's dotenv reports: variables for the jobs that follow."""

from __future__ import annotations

import re
from collections.abc import Mapping

# GitLab Free takes 50 variables and 5 KB (artifacts:reports:dotenv); we stay far below.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def dotenv(variables: Mapping[str, str]) -> str:
    """Return the text of a report. Raises `ValueError` for what the format cannot hold."""
    for name, value in variables.items():
        if not _NAME.fullmatch(name) or "\n" in value or "\r" in value:
            raise ValueError(f"not a dotenv variable: {name!r}")
    return "".join(f"{name}={value}\n" for name, value in variables.items())
