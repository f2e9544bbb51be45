"""GitLab's dotenv reports: variables for the jobs that follow."""

from __future__ import annotations

import re
from collections.abc import Mapping

# GitLab docs: artifacts:reports:dotenv; the smallest of the limits of its tiers. GitLab fails a job beyond them.
_MOST_VARIABLES = 50
_MOST_BYTES = 5 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def dotenv(variables: Mapping[str, str]) -> str:
    """Return the text of a report. Raises `ValueError` for what the format cannot hold."""
    for name, value in variables.items():
        if not _NAME.fullmatch(name) or "\n" in value or "\r" in value:
            raise ValueError(f"not a dotenv variable: {name!r}")
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def fits_gitlab(report: str) -> bool:
    """Tell whether every GitLab takes a report of this size."""
    return report.count("\n") <= _MOST_VARIABLES and len(report.encode()) <= _MOST_BYTES
