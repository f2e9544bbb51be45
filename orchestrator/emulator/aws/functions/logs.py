"""The log of an invocation: START, what the function wrote, END and REPORT, in CloudWatch Logs."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from orchestrator.emulator.aws.clients import Clients

_log = logging.getLogger(__name__)
_MOST_EVENTS = 5000


@dataclass(frozen=True)
class Report:
    """What is known of an invocation when it is over."""

    request_id: str
    version: str
    output: str
    seconds: float
    memory_mb: int

    def lines(self) -> list[str]:
        """Return the log, line by line."""
        duration = f"Duration: {self.seconds * 1000:.2f} ms"
        billed = f"Billed Duration: {int(self.seconds * 1000) + 1} ms"
        return [
            f"START RequestId: {self.request_id} Version: {self.version}\n",
            *(f"{line}\n" for line in self.output.splitlines() if line),
            f"END RequestId: {self.request_id}\n",
            f"REPORT RequestId: {self.request_id}\t{duration}\t{billed}\tMemory Size: {self.memory_mb} MB\n",
        ]

    def text(self) -> str:
        """Return the whole log."""
        return "".join(self.lines())


class Writer:
    """Writes reports to CloudWatch Logs; a log that cannot be written is told to the emulator's own log."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def write(self, group: str, stream: str, report: Report) -> None:
        """Make group and stream, where they do not exist, and put the lines there."""
        try:
            logs: Any = self._clients.logs
            for create, request in (
                (logs.create_log_group, {"logGroupName": group}),
                (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
            ):
                try:
                    create(**request)
                except logs.exceptions.ResourceAlreadyExistsException:
                    continue
            now = int(time.time() * 1000)
            events = [{"timestamp": now, "message": line} for line in report.lines()][:_MOST_EVENTS]
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        except Exception as error:  # noqa: BLE001 - no log ever changes what a function did
            _log.warning("log of %s not written: %s", group, error)
