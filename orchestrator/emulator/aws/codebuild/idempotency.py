"""Remember idempotency tokens for five minutes (AWS docs: API StartBuild, `idempotencyToken`)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from orchestrator.emulator.aws.codebuild.faults import InvalidInput

_VALID_SECONDS = 300.0


class Tokens:
    """Token -> the request it came with and the build it started; the caller holds a lock."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, str, str]] = {}

    def known_build(self, operation: str, request: Mapping[str, Any]) -> str | None:
        """Return the id of the build that this very request started already, or None.

        Raises InvalidInput when the token came with other parameters before.
        """
        token = request.get("idempotencyToken")
        now = time.monotonic()
        self._known = {key: entry for key, entry in self._known.items() if entry[0] > now}
        entry = self._known.get((operation, token)) if token else None
        if entry is None:
            return None
        if entry[1] != _canonical(request):
            raise InvalidInput("The idempotency token was used before with different parameters")
        return entry[2]

    def remember(self, operation: str, request: Mapping[str, Any], build_id: str) -> None:
        """Keep the token of `request`, if it has one, for five minutes."""
        token = request.get("idempotencyToken")
        if token:
            self._known[operation, token] = (time.monotonic() + _VALID_SECONDS, _canonical(request), build_id)


def _canonical(request: Mapping[str, Any]) -> str:
    return json.dumps(request, sort_keys=True)
