"""How much of a build's log a GitLab job shows: the runner drops what is beyond its limit, the result as well."""

from __future__ import annotations

from collections import deque

# GitLab Runner keeps 4 MiB of a job's output (config.toml: `output_limit`); the rest is for what is not a log.
JOB_LOG_BYTES = 3 * 1024 * 1024
# The runner may put the time before each line (FF_TIMESTAMPS).
_LINE_BYTES = 40
_LAST_LINES = 50


class LogLimit:
    """Takes lines until `most_bytes` are reached, and keeps the last ones of all that come then."""

    def __init__(self, most_bytes: int) -> None:
        self._left_bytes = most_bytes
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._refused = 0

    @property
    def reached(self) -> bool:
        """Whether a line was refused."""
        return self._refused > 0

    def takes(self, line: str) -> bool:
        """Tell whether a line may be shown now; the first one that may not is followed by no other."""
        self._left_bytes -= len(line.encode("utf-8", "replace")) + _LINE_BYTES
        if self._left_bytes >= 0 and not self.reached:
            return True
        self._refused += 1
        self._last.append(line)
        return False

    def end(self) -> list[str]:
        """Return what to show when the log has ended: how many lines are missing, and the last ones."""
        missing = self._refused - len(self._last)
        return ([f"[{missing} lines are not shown]"] if missing else []) + list(self._last)
