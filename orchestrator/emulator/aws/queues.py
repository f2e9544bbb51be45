"""Send a message to an SQS queue that is known by its ARN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def send(client: Any, arn: str, body: str, attributes: Mapping[str, tuple[str, str]]) -> None:
    """Send `body`; `attributes` are name -> (type, text), such as ("String", "…")."""
    _, _, _, _, account_id, name = arn.split(":")
    url = client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account_id)["QueueUrl"]
    client.send_message(
        QueueUrl=url,
        MessageBody=body,
        MessageAttributes={key: {"DataType": kind, "StringValue": text} for key, (kind, text) in attributes.items()},
    )
