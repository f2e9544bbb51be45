"""The weather of a soak: a script of faults in which every call may go wrong, each time in another way."""

from __future__ import annotations

import random
from typing import Any

AWS_FAULTS = (
    "throttle",
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    "html",
    "reset",
    "lost_request",
    "lost_response",
    {"kind": "delay", "seconds": 0.3},
)
GITLAB_FAULTS = (
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "status", "status": 502},
    "html",
    "lost_request",
    "lost_response",
    {"kind": "delay", "seconds": 0.3},
)


def script_of(rate: float, seed: int) -> dict[str, Any]:
    """Return the script of faults: each call goes wrong with this probability, each time in another way."""
    places = [("aws", "*", AWS_FAULTS), ("event", "*", ("lost", "duplicate"))]
    places += [("gitlab", operation, GITLAB_FAULTS) for operation in ("POST *", "GET *", "git-upload-pack")]
    rules = []
    for service, operation, answers in places:
        shuffled = random.Random(f"{seed} {service} {operation}").sample(list(answers), len(answers))  # noqa: S311
        rules.append({"service": service, "operation": operation, "answers": shuffled, "times": None,
                      "probability": rate})  # fmt: skip
    return {"seed": seed, "rules": rules}
