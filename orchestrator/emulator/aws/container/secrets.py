"""Turn references into values: Parameter Store names and Secrets Manager ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.aws.container.failures import PhaseFailed

_NAMES_PER_REQUEST = 10  # limit of ssm:GetParameters
_ARN_PARTS = 7  # arn:aws:secretsmanager:region:account:secret:name


def from_parameter_store(clients: Clients, references: Mapping[str, str]) -> dict[str, str]:
    """Return variable -> decrypted value, for variable -> parameter name.

    Raises PhaseFailed, as the real service words it, when a parameter is missing.
    """
    names = sorted({name for name in references.values() if name})
    values: dict[str, str] = {}
    for start in range(0, len(names), _NAMES_PER_REQUEST):
        batch = names[start : start + _NAMES_PER_REQUEST]
        answer = _ask(clients.ssm.get_parameters, Names=batch, WithDecryption=True)
        values.update({parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]})
        values.update({parameter.get("ARN", ""): parameter["Value"] for parameter in answer["Parameters"]})
    missing = [name for name in references.values() if name not in values]
    if missing:
        raise PhaseFailed("Decrypted Variables Error", f"parameter does not exist: {', '.join(sorted(set(missing)))}")
    return {variable: values[name] for variable, name in references.items()}


def from_secrets_manager(clients: Clients, references: Mapping[str, str]) -> dict[str, str]:
    """Return variable -> value, for variable -> `id:json-key:version-stage:version-id`.

    Raises PhaseFailed when the secret, the version or the key does not exist.
    """
    return {variable: _secret(clients, reference) for variable, reference in references.items()}


def split_reference(reference: str) -> tuple[str, str, str, str]:
    """Split `id:json-key:version-stage:version-id`; the id may be a whole ARN, absent parts are empty."""
    parts = reference.split(":")
    width = _ARN_PARTS if reference.startswith("arn:") else 1
    rest = [*parts[width:], "", "", ""]
    return ":".join(parts[:width]), rest[0], rest[1], rest[2]


def _secret(clients: Clients, reference: str) -> str:
    identifier, key, stage, version = split_reference(reference)
    request = {"SecretId": identifier, "VersionStage": stage, "VersionId": version}
    answer = _ask(clients.secretsmanager.get_secret_value, **{name: text for name, text in request.items() if text})
    text = answer.get("SecretString")
    if text is None:
        text = answer["SecretBinary"].decode(errors="replace")
    if not key:
        return str(text)
    try:
        value = json.loads(text)[key]
    except (ValueError, KeyError, TypeError) as error:
        raise PhaseFailed("Secrets Manager Error", f"secret {identifier} has no JSON key {key}") from error
    return value if isinstance(value, str) else json.dumps(value)


def _ask(call: Any, **request: Any) -> Any:
    from botocore.exceptions import ClientError

    try:
        return call(**request)
    except ClientError as error:
        source = "Secrets Manager Error" if "SecretId" in request else "Decrypted Variables Error"
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        raise PhaseFailed(source, f"{code}: {message}") from error
