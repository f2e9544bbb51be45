"""The dead-letter queue: what no retry can mend goes there at once, with the reason beside it."""

from __future__ import annotations

import json
import re

from orchestrator.errors import OrchestratorError
from orchestrator.handback.aws import client, wrapped
from orchestrator.handback.event import BuildId, event_about
from orchestrator.handback.settings import Settings

_MESSAGE_LIMIT = 1000
# What SQS takes in a message (SQS API: SendMessage); everything else is spelled out.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def bury(build: BuildId, error: OrchestratorError, settings: Settings) -> None:
    """Send the event and the failure, in the shape that Lambda gives its own dead letters.

    The body is an event that can be sent to the function again. Raises MachineryError when SQS fails.
    """
    text = _FORBIDDEN.sub(lambda match: ascii(match[0])[1:-1], str(error))[:_MESSAGE_LIMIT]
    with wrapped(f"cannot send the dead letter of the build `{build}`"):
        client("sqs", settings.region).send_message(
            QueueUrl=settings.dead_letter_queue_url,
            MessageBody=json.dumps(event_about(build)),
            MessageAttributes={
                "ErrorCode": {"DataType": "Number", "StringValue": str(error.exit_code)},
                "ErrorMessage": {"DataType": "String", "StringValue": text},
            },
        )
