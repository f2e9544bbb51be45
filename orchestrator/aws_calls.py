"""A boto3 client that does not give up at once: `patience.AWS`, wrapped around every operation.

It travels with the Lambda function of `handback` and with the zipapp of a build, so it imports nothing but botocore and
`patience`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, SSLError  # noqa: A004
from botocore.parsers import ResponseParserError

from orchestrator.patience import AWS, Bout, Pace, Patience, aws_expired, aws_passes

# boto3 takes a page of HTML with status 200 for an empty answer, where the service speaks JSON or answers in headers.
_EXPECTED = {
    "batch_get_builds": "builds",
    "batch_get_projects": "projects",
    "describe_parameters": "Parameters",
    "get_caller_identity": "Account",
    "get_log_events": "events",
    "get_object": "ETag",
    "get_open_id_connect_provider": "Url",
    "get_parameter": "Parameter",
    "get_parameters_by_path": "Parameters",
    "head_object": "ETag",
    "list_builds_for_project": "ids",
    "list_object_versions": "Name",
    "list_projects": "projects",
    "list_roles": "Roles",
    "put_object": "ETag",
    "send_message": "MessageId",
    "start_build": "build",
    "stop_build": "build",
}
# What botocore fails with at a page that is not in UTF-8, at JSON that is no object, and in following a redirect that
# a proxy has made up.
_PARSING = (AttributeError, RecursionError, TypeError, UnicodeDecodeError)
# For an address that never took a connection: most likely it is wrong, or the network is.
_NOWHERE_SECONDS = 5.0


class Undecodable(BotoCoreError):
    """An answer that does not come from AWS, such as the error page of a proxy."""

    fmt = "an answer to {operation} without `{member}`, which does not come from AWS"


class PatientClient:
    """The operations of a boto3 client, each asked again while what goes wrong will pass by itself.

    botocore's standard mode tries each attempt several times; what is left after that is waited out here. `current`
    gives the client for an attempt. When AWS finds the credentials too old, `renew` is called, once for each call, so
    that the next client reads them again where they come from. All operations in use can be repeated: StartBuild by
    its token, PutObject by its condition. Whatever remains is raised as botocore raises it.
    """

    def __init__(
        self,
        current: Callable[[], Any],
        patience: Patience | None = None,
        pace: Pace = AWS,
        renew: Callable[[], None] = lambda: None,
    ) -> None:
        self._current, self._pace, self._renew = current, pace, renew
        self._patience = patience or Patience()
        self._reached = False

    def __getattr__(self, name: str) -> Any:
        """Return an operation made patient, or whatever else the client has."""
        operation = self._current().meta.method_to_api_mapping.get(name)
        if operation is None:
            return getattr(self._current(), name)

        def asked(**members: Any) -> Any:
            return self._asked(name, f"AWS did not answer {operation}", members)

        return asked

    def _asked(self, name: str, what: str, members: dict[str, Any]) -> Any:
        bout = Bout(self._pace, self._patience)
        renewed = False
        begins = _begin_of(members.get("Body"))
        while True:
            try:
                answer = _answer(self._current(), name, members)
            except (BotoCoreError, ClientError, ResponseParserError) as error:
                self._reached = self._reached or not isinstance(error, ConnectionError)
                if not renewed and has_expired(error):
                    renewed = True
                    self._renew()
                elif not passes(error) or not self._waited(bout, what, error):
                    raise
                if begins is not None:
                    members["Body"].seek(begins)
            else:
                self._reached = True
                return answer

    def _waited(self, bout: Bout, what: str, error: Exception) -> bool:
        """Wait before another attempt; False if none is left, or if this address never took a connection."""
        if not self._reached and bout.spent_seconds() >= _NOWHERE_SECONDS:
            return False
        return bout.pause(what=f"{what} ({_reason(error)})")


def _answer(client: Any, operation: str, members: Mapping[str, Any]) -> Any:
    # Outside of what is tried: an operation that boto3 does not have is a bug of ours.
    call = getattr(client, operation)
    try:
        answer = call(**members)
    except KeyError as error:
        # botocore's parser of the older services (IAM, STS), for XML that is no answer: a page of a proxy.
        raise Undecodable(operation=operation, member=str(error.args[0]) if error.args else "content") from error
    except _PARSING as error:
        raise Undecodable(operation=operation, member="content") from error
    _check(operation, answer)
    return answer


def _check(operation: str, answer: Mapping[str, Any]) -> None:
    expected = _EXPECTED.get(operation)
    if expected is None or expected in answer:
        return
    # S3 itself gives every object an ETag, what stands in for it need not; but a page of HTML is no object.
    if operation == "get_object" and not str(answer.get("ContentType", "")).startswith("text/html"):
        return
    raise Undecodable(operation=operation, member=expected)


def passes(error: Exception) -> bool:
    """Tell whether a failure of botocore will pass by itself. A certificate that is not trusted will not."""
    if isinstance(error, ClientError):
        return aws_passes(code_of(error), int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)))
    if isinstance(error, SSLError):
        return False
    return isinstance(error, (ConnectionError, HTTPClientError, Undecodable, ResponseParserError))


def has_expired(error: Exception) -> bool:
    """Tell whether AWS said that the credentials are too old."""
    return isinstance(error, ClientError) and aws_expired(code_of(error))


def code_of(error: ClientError) -> str:
    """Return the code of an AWS error, such as `NoSuchKey`, or an HTTP status such as `404`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _begin_of(body: Any) -> int | None:
    """Return where a body that is a file begins: another attempt has to send it from there."""
    return body.tell() if hasattr(body, "seek") else None


def _reason(error: Exception) -> str:
    return code_of(error) if isinstance(error, ClientError) else type(error).__name__
