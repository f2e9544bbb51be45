"""A Lambda function as moto knows it now, read into a value of our own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.emulator.aws.codebuild.arns import Place


@dataclass(frozen=True)
class Asynchronous:
    """What happens to events that a function does not take (AWS docs: Lambda, PutFunctionEventInvokeConfig)."""

    retries: int = 2
    oldest_seconds: float = 21_600
    on_failure_arn: str | None = None
    dead_letter_arn: str | None = None


@dataclass(frozen=True)
class Function:
    """One function: its code as the bytes of a zip, its settings, and its resource policy.

    `layers` are the digest and the bytes of each layer's zip, in the order in which they are unpacked.
    """

    name: str
    arn: str
    version: str
    handler: str
    runtime: str
    architecture: str
    timeout_seconds: float
    memory_mb: int
    environment: Mapping[str, str]
    code: bytes
    code_sha256: str
    layers: tuple[tuple[str, bytes], ...]
    log_group: str
    policy: Mapping[str, Any]
    asynchronous: Asynchronous

    @property
    def archives(self) -> tuple[tuple[str, bytes], ...]:
        """The digest and the bytes of every zip: the function's own, then its layers'."""
        return ((self.code_sha256, self.code), *self.layers)


def find(place: Place, name_or_arn: str, qualifier: str | None = None) -> Function | None:
    """Return the function of that name or ARN in `place`, or None."""
    if "moto.awslambda.models" not in sys.modules:
        return None
    from moto.awslambda.exceptions import LambdaClientError
    from moto.awslambda.models import lambda_backends

    try:
        known: Any = lambda_backends[place.account_id][place.region].get_function(name_or_arn, qualifier)
    except LambdaClientError:
        return None
    return Function(
        name=known.function_name,
        arn=known.function_arn,
        version=str(known.version),
        handler=known.handler or "",
        runtime=known.run_time or "",
        architecture=known.architectures[0],
        timeout_seconds=float(known.timeout),
        memory_mb=int(known.memory_size),
        environment=dict(known.environment_vars),
        code=known.code_bytes,
        code_sha256=known.code_digest,
        layers=known.layer_archives,
        log_group=known.logging_config["LogGroup"],
        policy={"Statement": list(known.policy.statements)},
        asynchronous=_asynchronous(known),
    )


def _asynchronous(known: Any) -> Asynchronous:
    config = known.event_invoke_config[-1].config if known.event_invoke_config else {}
    default = Asynchronous()
    return Asynchronous(
        retries=config.get("MaximumRetryAttempts", default.retries),
        oldest_seconds=config.get("MaximumEventAgeInSeconds", default.oldest_seconds),
        on_failure_arn=config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
        dead_letter_arn=(known.dead_letter_config or {}).get("TargetArn"),
    )
