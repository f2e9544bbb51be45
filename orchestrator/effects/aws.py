"""One way to talk to AWS: sessions, retries, and AWS errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from botocore.session import Session, get_session

from orchestrator.aws_calls import PatientClient, Undecodable, code_of
from orchestrator.errors import ConfigurationError, CredentialsExpired, MachineryError, OrchestratorError
from orchestrator.patience import AWS, Pace, Patience, aws_expired

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_UNKNOWN_CALLER = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidToken",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, TokenRetrievalError, SSOError, CredentialRetrievalError)
_WRONG_PROFILE = (ProfileNotFound, ConfigNotFound, ConfigParseError, InvalidConfigError)
_UNREACHABLE = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, SSLError)

# What botocore gives up on after these attempts, and what it does not know, `PatientClient` waits out.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=10,
    read_timeout=30,
    user_agent_extra="codebuild-orchestrator",
)
# For whoever has seconds left.
HASTY = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=3, read_timeout=4))
_MAKING = Lock()


@cache
def _session() -> Session:
    # One for all clients: each new session reads the endpoints and the list of services again, a tenth of a second.
    # Not boto3's: its clients are these as well, and importing what it adds for large files costs another tenth.
    return get_session()


@cache
def client(service: str, region: str, config: Config | None = None) -> Any:
    """Return the client of a service; credentials and endpoints come from the environment, as boto3 reads it."""
    session = _session()
    try:
        return session.create_client(service, region_name=region, config=config or CONFIG)
    except ValueError as error:  # botocore says so of an endpoint that is no URL
        raise ConfigurationError(
            f"cannot talk to AWS {service}",
            detail="observed: the endpoint that the environment or the profile names is not a URL",
            hint="correct or unset AWS_ENDPOINT_URL and the variables that begin like it",
        ) from error


def patient(
    service: str, region: str, patience: Patience, pace: Pace = AWS, config: Config | None = None
) -> PatientClient:
    """Return the client that every call of ours goes through."""
    return PatientClient(lambda: _current(service, region, config), patience, pace, forget_credentials)


def _current(service: str, region: str, config: Config | None) -> Any:
    # Clients may be used by several threads at once; a session may not make them so (boto3 guide: Session).
    with _MAKING:
        return client(service, region, config)


def forget_credentials() -> None:
    """Make the next client read credentials again: from the environment, the profile, the web identity file."""
    client.cache_clear()
    _session.cache_clear()


def error_code(error: ClientError) -> str:
    """Return the code of an AWS error, such as `NoSuchKey`, or an HTTP status such as `404`."""
    return code_of(error)


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn whatever botocore raises inside into an `OrchestratorError` whose first line is `what`."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(what, error) from error
    except BotoCoreError as error:
        raise _from_botocore(what, error) from error
    except ResponseParserError as error:
        raise _from_botocore(what, Undecodable(operation="it", member="content")) from error


def _from_botocore(what: str, error: BotoCoreError) -> OrchestratorError:
    """Return the failure behind an error that no answer of AWS was involved in."""
    if isinstance(error, _NO_CREDENTIALS):
        return ConfigurationError(
            what,
            detail="no usable AWS credentials were found in the environment, the profile or the job",
            hint="configure credentials, for example `aws configure sso` or an `id_tokens:` role in GitLab",
        )
    if isinstance(error, _WRONG_PROFILE):
        return ConfigurationError(what, detail=str(error), hint="correct AWS_PROFILE or the AWS configuration file")
    if isinstance(error, (NoRegionError, InvalidRegionError)):
        return ConfigurationError(what, detail="no usable AWS region", hint="correct `region:` in orchestrator.yml")
    if isinstance(error, Undecodable):
        return MachineryError(
            what, detail=f"observed: {error}", hint="look at the proxy between here and AWS, and retry the job"
        )
    if isinstance(error, _UNREACHABLE):
        return MachineryError(what, detail=str(error), hint="check the network and `region`, then retry the job")
    return MachineryError(what, detail=str(error), hint="retry the job; nothing was lost")


def _from_answer(what: str, error: ClientError) -> OrchestratorError:
    code = error_code(error)
    message = error.response.get("Error", {}).get("Message", "")
    detail = f"AWS answered `{code}`: {message}" if message else f"AWS answered `{code}`"
    if aws_expired(code):
        hint = "log in again, for example `aws sso login`; in a job: retry it"
        return CredentialsExpired(what, detail=detail, hint=hint)
    # The JSON services close some codes with `Exception`, the others do not.
    if code in _UNKNOWN_CALLER or code.removesuffix("Exception") in _UNKNOWN_CALLER:
        return ConfigurationError(what, detail=detail, hint="the credentials are not valid for this account")
    if code in _DENIED:
        operation = error.operation_name
        return ConfigurationError(what, detail=detail, hint=f"allow the calling role `{operation}` on this resource")
    return MachineryError(what, detail=detail, hint="retry the job; if it stays, ask the platform team")
