"""One way to talk to AWS: bounded clients, and AWS errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.errors import MachineryError

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=5,
    read_timeout=10,
    user_agent_extra="codebuild-orchestrator-handback",
)


@cache
def client(service: str, region: str) -> Any:
    """Return the client of a service, made once per container of the function."""
    return boto3.client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]


def error_code(error: ClientError) -> str:
    """Return the code of an AWS error, such as `NoSuchKey`, or an HTTP status such as `404`."""
    return str(error.response.get("Error", {}).get("Code", ""))


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
    except BotoCoreError as error:
        raise MachineryError(what, detail=f"observed: {type(error).__name__}", hint="it is tried again") from error
