"""One way to talk to AWS: bounded clients, and AWS errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from orchestrator.aws_calls import PatientClient, code_of
from orchestrator.errors import MachineryError
from orchestrator.patience import AWS

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=5,
    read_timeout=10,
    user_agent_extra="codebuild-orchestrator-handback",
)
# A run is short, and Lambda makes three of them.
_PACE = replace(AWS, longest_seconds=5.0, deadline_seconds=20.0)


@cache
def client(service: str, region: str) -> Any:
    """Return the client of a service, made once per container of the function."""
    made = boto3.client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]
    return PatientClient(lambda: made, pace=_PACE)


def error_code(error: ClientError) -> str:
    """Return the code of an AWS error, such as `NoSuchKey`, or an HTTP status such as `404`."""
    return code_of(error)


@contextmanager
def wrapped(what: str) -> Iterator[None]:
    """Turn whatever botocore raises inside into a MachineryError whose first line is `what`.

    A denial is machinery, too: a new role needs a moment until it is known everywhere (IAM is eventually consistent).
    """
    try:
        yield
    except ClientError as error:
        message = str(error.response.get("Error", {}).get("Message", ""))[:500]
        raise MachineryError(
            what,
            detail=f"observed: AWS answered `{error_code(error)}`: {message}",
            hint=f"if it stays, allow the function's role `{error.operation_name}` on this resource",
        ) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise MachineryError(what, detail=f"observed: {type(error).__name__}", hint="it is tried again") from error
