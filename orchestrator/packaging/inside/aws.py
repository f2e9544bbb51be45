"""How the build talks to AWS: one way to make clients, one way to wrap their failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.errors import ConfigurationError, MachineryError

_DENIED = {"AccessDenied", "AccessDeniedException", "403", "KMS.DisabledException"}
_MISSING = {"NoSuchBucket", "NoSuchKey", "ParameterNotFound", "404"}


def client(service: str) -> Any:
    """Return a boto3 client that waits for what passes by itself, at the pace of `patience.AWS`."""
    import boto3
    from botocore.config import Config

    from orchestrator.aws_calls import PatientClient

    made = boto3.client(
        service,  # type: ignore[call-overload] # the services are boto3's own literals
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=10),
    )
    return PatientClient(lambda: made)


def error_code(error: Exception) -> str:
    """Return the code of a botocore ClientError, such as `NoSuchKey`, or an empty text."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


@contextmanager
def wrapped(what: str) -> Iterator[None]:
    """Turn failures of boto3 into ours; `what` names the subject, such as "cannot read `s3://…`"."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code, message = error_code(error), error.response.get("Error", {}).get("Message", "")
        detail = f"observed: {code}: {message}"
        if code in _DENIED:
            hint = "check the role of the build, and that the bucket is in this account"
            raise ConfigurationError(what, detail=detail, hint=hint) from error
        if code in _MISSING:
            raise ConfigurationError(what, detail=detail, hint="check that it exists and has not expired") from error
        raise MachineryError(what, detail=detail, hint="start the build again") from error
    except (BotoCoreError, OSError) as error:
        raise MachineryError(what, detail=f"observed: {error}", hint="start the build again") from error
