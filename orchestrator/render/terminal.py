"""Text of others as a terminal may show it: nothing in it steers the screen, and no secret of ours is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

# ECMA-48: control sequences such as colours, and operating system commands such as window titles.
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^\s/?#@]+@")

# Where a job or a shell keeps what opens doors (GitLab docs: predefined variables; boto3 docs: credentials).
SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "CI_DEPLOY_PASSWORD",
    "CI_JOB_TOKEN",
    "CI_REGISTRY_PASSWORD",
    "GITLAB_TOKEN",
    "ORCHESTRATOR_GITLAB_TOKEN",
    "TF_HTTP_PASSWORD",
)
_SHORTEST_SECRET = 8


def printable(text: str) -> str:
    """Return the text with its lines and tabs, but without what a terminal would obey."""
    lines = _SEQUENCES.sub("", text).replace("\r\n", "\n")
    return "".join(c if c in "\n\t" or c.isprintable() else " " if c.isspace() else "�" for c in lines)


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """Return the text without the values of secret variables, plain or as part of a URL, and without logins in URLs."""
    for name in SECRET_VARIABLES:
        secret = environment.get(name, "")
        if len(secret) >= _SHORTEST_SECRET:
            for form in (secret, quote(secret, safe="")):
                text = text.replace(form, "[redacted]")
    return _CREDENTIALS_IN_URL.sub("[redacted]@", text)
