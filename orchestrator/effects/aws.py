"""One way to talk to AWS: sessions, retries, and AWS errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    TokenRetrievalError,
)

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_UNKNOWN_CALLER = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}

# Throttling, 5xx and broken connections are retried by botocore (its `standard` mode) with jitter.
_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 6},
    connect_timeout=10,
    read_timeout=60,
    user_agent_extra="codebuild-orchestrator",
)


@cache
def _session() -> boto3.session.Session:
    # One for all clients: each new session reads the endpoints and the list of services again, a tenth of a second.
    return boto3.session.Session()


@cache
def client(service: str, region: str) -> Any:
    """Return the client of a service; credentials and endpoints come from the environment, as boto3 reads it."""
    return _session().client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]


def error_code(error: ClientError) -> str:
    """Return the code of an AWS error, such as `NoSuchKey`, or an HTTP status such as `404`."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn whatever botocore raises inside into an `OrchestratorError` whose first line is `what`."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(what, error) from error
    except (NoCredentialsError, PartialCredentialsError, TokenRetrievalError) as error:
        raise ConfigurationError(
            what,
            detail="no usable AWS credentials were found in the environment, the profile or the job",
            hint="configure credentials, for example `aws configure sso` or an `id_tokens:` role in GitLab",
        ) from error
    except NoRegionError as error:
        raise ConfigurationError(
            what, detail="no AWS region is set", hint="write `region:` in orchestrator.yml"
        ) from error
    except BotoCoreError as error:
        raise MachineryError(what, detail=str(error), hint="retry the job; nothing was lost") from error


def _from_answer(what: str, error: ClientError) -> OrchestratorError:
    code = error_code(error)
    message = error.response.get("Error", {}).get("Message", "")
    detail = f"AWS answered `{code}`: {message}" if message else f"AWS answered `{code}`"
    if code in _EXPIRED:
        return MachineryError(what, detail=detail, hint="the credentials expired: retry the job with fresh ones")
    if code in _UNKNOWN_CALLER:
        return ConfigurationError(what, detail=detail, hint="the credentials are not valid for this account")
    if code in _DENIED:
        operation = error.operation_name
        return ConfigurationError(what, detail=detail, hint=f"allow the calling role `{operation}` on this resource")
    return MachineryError(what, detail=detail, hint="retry the job; if it stays, ask the platform team")
