"""What the function says: one JSON object a line, behind a redactor."""

from __future__ import annotations

import json
import os
import sys

from orchestrator.errors import OrchestratorError
from orchestrator.redaction import Secrets


class Log:
    """The log of one invocation; it knows the secrets that must not appear in it."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self._secrets = Secrets(os.environ)

    def hide(self, secret: str) -> str:
        """Keep a secret out of everything that is said from now on; return it."""
        return self._secrets.hide(secret)

    def clean(self, text: str) -> str:
        """Return a text without any of the secrets."""
        return self._secrets.cleaned(text)

    def cleaned(self, error: OrchestratorError) -> OrchestratorError:
        """Return the same failure without any of the secrets, and without what caused it."""
        texts = {"detail": self.clean(error.detail), "hint": self.clean(error.hint)}
        return type(error)(self.clean(error.what), **texts)

    def say(self, level: str, message: str, **fields: object) -> None:
        """Write one line."""
        line = {"level": level, "message": message, "request_id": self._request_id, **fields}
        sys.stdout.write(self.clean(json.dumps(line, default=str)) + "\n")
        sys.stdout.flush()
