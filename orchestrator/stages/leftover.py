"""Packages that are still in a bucket when what has made them is taken away: somebody says what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from orchestrator.errors import Refused

_SHOWN = 5


class Packages(Enum):
    """What becomes of packages that are still in the bucket."""

    ASK = "somebody has to say"
    KEEP = "they stay, with their key and the state that knows of them"
    DELETE = "they go"


def keeps(bucket: str, stored: Sequence[str], packages: Packages) -> bool:
    """Tell whether the bucket with these keys stays. Raises `Refused` when it is not empty and nobody has said."""
    if stored and packages is Packages.ASK:
        raise Refused(
            f"the bucket `{bucket}` is not empty",
            detail=f"observed: {counted(stored)}, such as {some(sorted(stored))}",
            hint="say what becomes of the packages: `--keep-artifacts` or `--delete-artifacts`",
        )
    return bool(stored) and packages is Packages.KEEP


def counted(stored: Sequence[str]) -> str:
    """Return how many objects these are."""
    return f"{len(stored)} object{'' if len(stored) == 1 else 's'}"


def some(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
