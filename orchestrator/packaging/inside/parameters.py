"""Reading one secret from the SSM Parameter Store, at the moment it is needed."""

from __future__ import annotations

import importlib.util
import json
import shutil

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.packaging.inside.aws import client, wrapped
from orchestrator.packaging.process import clean_environment, run
from orchestrator.redaction import KNOWN


def read_parameter(name: str) -> str:
    """Return the decrypted value without surrounding white space; from then on no output of ours shows it.

    Raises ConfigurationError when the parameter is missing, empty or not ours to read. Before the tools are
    installed the image's own `aws` is asked, so that even a failed `install` can be reported.
    """
    if importlib.util.find_spec("boto3"):
        with wrapped(f"cannot read the SSM parameter `{name}`"):
            value = client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    else:
        value = _with_command(name)
    value = str(value).strip()
    if not value or any(character.isspace() for character in value):
        raise ConfigurationError(
            f"the SSM parameter `{name}` holds no usable value",
            detail="observed: nothing, or white space inside; expected: one word",
            hint=f"store the secret again with `aws ssm put-parameter --type SecureString --overwrite --name {name}`",
        )
    return KNOWN.hide(value, f"the SSM parameter `{name}`")


def _with_command(name: str) -> str:
    if not shutil.which("aws"):
        raise MachineryError(
            f"cannot read the SSM parameter `{name}`", detail="observed: neither boto3 nor `aws` is there"
        )
    result = run(
        ["aws", "ssm", "get-parameter", "--with-decryption", "--output", "json", "--name", name],
        environment=clean_environment(credentials=True),
        timeout_seconds=120,
    )
    if result.code:
        raise MachineryError(f"cannot read the SSM parameter `{name}`", detail=result.errors.strip()[-500:])
    return str(json.loads(result.output)["Parameter"]["Value"])
