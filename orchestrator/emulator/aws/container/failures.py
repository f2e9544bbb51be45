"""How a phase goes wrong, in the words of a phase context."""

from __future__ import annotations


class PhaseFailed(Exception):
    """The phase failed by the build's own fault; `code` and the text become its context."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def command_failed(command: str, reason: str) -> PhaseFailed:
    """Return the failure of `command`; `reason` is `exit status 3` or `signal: killed`."""
    return PhaseFailed("COMMAND_EXECUTION_ERROR", f"Error while executing command: {command}. Reason: {reason}")
