"""Versions of functions: copies of what they were published from, and of nothing else."""

from __future__ import annotations

import copy
import functools
from typing import Any

# What all functions of a region share in moto. A copy of it would take as long as there are logs, and would fail
# when somebody writes one meanwhile; then the function would exist, and its maker would have been told of an error.
_SHARED = "logs_backend"


@functools.cache
def keep_versions_apart() -> None:
    """Make moto copy a function alone when it publishes a version."""
    from moto.awslambda import models

    known_class: Any = models.LambdaFunction

    def copied(self: Any, memo: dict[int, Any]) -> Any:
        made = object.__new__(type(self))
        memo[id(self)] = made
        for name, value in self.__getstate__().items():
            made.__dict__[name] = value if name == _SHARED else copy.deepcopy(value, memo)
        return made

    known_class.__deepcopy__ = copied
