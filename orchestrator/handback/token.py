"""The trigger token: read from the SSM Parameter Store at the moment it is needed, and kept nowhere."""

from __future__ import annotations

from orchestrator.errors import ConfigurationError
from orchestrator.handback.aws import client, wrapped


def read_token(name: str, region: str) -> str:
    """Return the decrypted parameter without surrounding white space.

    Raises ConfigurationError when it is missing or holds no token, MachineryError when SSM or KMS fails.
    """
    ssm = client("ssm", region)
    hint = f"store the token with `aws ssm put-parameter --type SecureString --name {name}`"
    with wrapped(f"cannot read the SSM parameter `{name}`"):
        try:
            value = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        except ssm.exceptions.ParameterNotFound:
            raise ConfigurationError(f"there is no SSM parameter `{name}`", hint=hint) from None
    token = str(value).strip()
    if not token or any(character.isspace() for character in token):
        raise ConfigurationError(
            f"the SSM parameter `{name}` holds no usable value",
            detail="observed: nothing, or white space inside\nexpected: one word",
            hint=hint,
        )
    return token
