"""Events that nobody waits for: tried three times, then put aside (AWS docs: invocation-async-error-handling)."""

from __future__ import annotations

import datetime
import json
import logging
import time
import uuid
from typing import Any

from orchestrator.emulator.aws.background import Background
from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.functions.catalogue import Function, find
from orchestrator.emulator.aws.functions.run import Outcome, Runner
from orchestrator.emulator.aws.queues import send

_WAITS_MINUTES = (1, 2)
_MINUTE_SECONDS = 60.0
_LONGEST_MESSAGE = 1024
_log = logging.getLogger(__name__)


class Invocations:
    """Asynchronous invocations in one region; `minute_seconds` is the length of a minute between attempts."""

    def __init__(
        self, place: Place, runner: Runner, clients: Clients, background: Background, minute_seconds: float
    ) -> None:
        self._place = place
        self._runner = runner
        self._clients = clients
        self._background = background
        self._minute_seconds = minute_seconds

    def submit(self, function_arn: str, payload: str) -> str:
        """Take an event (JSON) for a function, and return the id of the request at once."""
        request_id = str(uuid.uuid4())
        self._background.start(self._work, function_arn, json.loads(payload or "{}"), request_id)
        return request_id

    def _work(self, function_arn: str, event: Any, request_id: str) -> None:
        began, attempts = time.monotonic(), 0
        while True:
            function = find(self._place, function_arn)  # what it is now: code and settings may have changed
            if function is None or self._background.closed:
                return
            outcome = self._runner.run(function, event, request_id)
            attempts += 1
            if not outcome.failed:
                return
            settings = function.asynchronous
            if attempts > settings.retries:
                break
            if not self._background.wait(_WAITS_MINUTES[attempts - 1] * self._minute_seconds):
                return
            if (time.monotonic() - began) * _MINUTE_SECONDS / self._minute_seconds > settings.oldest_seconds:
                break
        condition = "RetriesExhausted" if attempts > settings.retries else "EventAgeExceeded"
        self._give_up(function, event, outcome, request_id, (condition, attempts))

    def _give_up(self, function: Function, event: Any, outcome: Outcome, request_id: str, why: tuple[str, int]) -> None:
        settings = function.asynchronous
        if settings.dead_letter_arn:
            message = str(outcome.payload.get("errorMessage", ""))[:_LONGEST_MESSAGE]
            attributes = {
                "RequestID": ("String", request_id),
                "ErrorCode": ("Number", "200"),
                "ErrorMessage": ("String", message or "unknown"),
            }
            self._send(settings.dead_letter_arn, json.dumps(event), attributes)
        if settings.on_failure_arn:
            record = _record(function, event, outcome, request_id, why)
            self._send(settings.on_failure_arn, json.dumps(record), {})

    def _send(self, arn: str, body: str, attributes: dict[str, tuple[str, str]]) -> None:
        if arn.split(":")[2] == "sqs":
            send(self._clients.sqs, arn, body, attributes)
        else:
            _log.warning("the emulator sends no failed events to %s", arn)


def _record(function: Function, event: Any, outcome: Outcome, request_id: str, why: tuple[str, int]) -> dict[str, Any]:
    """Return the invocation record of a destination (AWS docs: Lambda, invocation-async-retain-records)."""
    condition, attempts = why
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "version": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.arn}:{function.version}",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": function.version, "functionError": "Unhandled"},
        "responsePayload": outcome.payload,
    }
