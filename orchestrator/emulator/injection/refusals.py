"""An error of AWS as bytes, in the wire format that the client of the service reads."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from orchestrator.emulator.injection.calls import AwsCall
from orchestrator.emulator.injection.rules import Answer

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Refusal:
    """Code, message and HTTP status of an error."""

    code: str
    message: str
    status: int = 400


def refusal(answer: Answer, call: AwsCall, role_arn: Callable[[], str]) -> Refusal:
    """Return the error that stands for `answer`.

    `role_arn` finds the service role that a CodeBuild request is about. Wording: AWS docs, CodeBuild API and
    troubleshooting; for `not_propagated` hashicorp/terraform-provider-aws issues 11742 and 4233.
    """
    if answer.kind == "error":
        return Refusal(answer["code"], answer["message"], answer["status"])
    if answer.kind == "throttle":
        return _throttled(call)
    if answer.kind == "account_limit":
        text = f"Cannot have more than {answer['limit']} builds in queue for the account"
        return Refusal("AccountLimitExceededException", text)
    if answer.kind == "not_propagated":
        text = f"CodeBuild is not authorized to perform: sts:AssumeRole on {role_arn()}"
        return Refusal("InvalidInputException", text)
    if answer.kind == "missing_log_stream":
        return Refusal("ResourceNotFoundException", "The specified log stream does not exist.")
    return _of_status(answer["status"], call)


def wire(error: Refusal, call: AwsCall) -> tuple[int, Headers, bytes]:
    """Return status, headers and body of an answer that carries `error`."""
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id)]
    if call.protocol == "rest-xml":
        body = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{body}<RequestId>{request_id}</RequestId></Error>'
        return error.status, [("Content-Type", "application/xml"), *headers], body.encode()
    if call.protocol == "query":
        body = f"<Type>Sender</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        body = f"<ErrorResponse><Error>{body}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        return error.status, [("Content-Type", "text/xml"), *headers], body.encode()
    members = {"__type": error.code, "message": error.message}
    if call.protocol == "cbor":
        headers.append(("smithy-protocol", "rpc-v2-cbor"))
        return error.status, [("Content-Type", "application/cbor"), *headers], _cbor(members)
    kind = "application/json" if call.protocol == "rest-json" else "application/x-amz-json-1.1"
    headers.append(("x-amzn-ErrorType", error.code))
    return error.status, [("Content-Type", kind), *headers], json.dumps(members).encode()


def _throttled(call: AwsCall) -> Refusal:
    if call.service == "s3":
        return Refusal("SlowDown", "Please reduce your request rate.", 503)
    if call.service == "lambda":
        return Refusal("TooManyRequestsException", "Rate Exceeded.", 429)
    if call.protocol == "query":
        return Refusal("RequestLimitExceeded" if call.service == "ec2" else "Throttling", "Rate exceeded")
    return Refusal("ThrottlingException", "Rate exceeded")


def _of_status(status: int, call: AwsCall) -> Refusal:
    if status == 429:
        return Refusal("TooManyRequestsException", "Too Many Requests", status)
    if status == 503:
        return Refusal("ServiceUnavailable", "Service is unavailable, please try again", status)
    if status >= 500:
        code = "InternalError" if call.service == "s3" else "InternalFailure"
        return Refusal(code, "We encountered an internal error. Please try again.", status)
    return Refusal("BadRequest", f"refused with status {status}", status)


def _cbor(members: dict[str, str]) -> bytes:
    """Return a map of texts in CBOR (RFC 8949: major type 5 for the map, 3 for a text)."""
    parts = [bytes([0xA0 + len(members)])]
    for text in (part for item in members.items() for part in item):
        data = text.encode()
        parts.append(b"\x79" + len(data).to_bytes(2, "big") + data)
    return b"".join(parts)
