"""`artifacts:reports:dotenv` (docs: ci/yaml/artifacts_reports): `KEY=value` lines, no comments, no blank lines."""

from __future__ import annotations

import re

MAX_BYTES = 5 << 10
MAX_VARIABLES = 150


class DotenvError(Exception):
    """The report is refused, and with it the job fails."""


def parse(content: bytes) -> list[tuple[str, str]]:
    """Return the variables of a report in order; raises `DotenvError` with GitLab's reason."""
    if len(content) > MAX_BYTES:
        raise DotenvError(f"Dotenv Artifact Too Big. Maximum Allowable Size: {MAX_BYTES}")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise DotenvError("Invalid encoding, UTF-8 is needed") from None
    found: dict[str, str] = {}
    # An empty report has no line, not an empty one.
    for line in text.removesuffix("\n").split("\n") if text else ():
        name, equals, value = line.partition("=")
        if not equals:
            raise DotenvError("Invalid Format")
        name = name.strip()
        if not re.fullmatch(r"\w+", name, re.ASCII):
            raise DotenvError("Key can contain only letters, digits and '_'.")
        found[name] = value.strip()
    if len(found) > MAX_VARIABLES:
        raise DotenvError(f"Dotenv files cannot have more than {MAX_VARIABLES} variables")
    return list(found.items())
