"""What Terraform tells the function: the variable ORCHESTRATOR_HANDBACK, checked strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from orchestrator.errors import ConfigurationError
from orchestrator.gitlab_trigger import Gate

VARIABLE = "ORCHESTRATOR_HANDBACK"
_PATTERNS = {
    "bucket": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "dead_letter_queue_url": re.compile(r"https?://[^\s]+"),
    "gitlab_project": re.compile(r"[0-9]+|[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+"),
    "owner": re.compile(r"[0-9]{12}"),
    "prefix": re.compile(r"([A-Za-z0-9!_.-]+(/[A-Za-z0-9!_.-]+)*)?"),
    "region": re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+"),
    "token_parameter": re.compile(r"[A-Za-z0-9_./-]{1,2048}"),
}
_CODEBUILD_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,149}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Settings:
    """Whose builds are brought home, where to, and where the markers and the dead letters are kept.

    `account` owns all of it; the variable calls it `owner`, because scanners take `account: <digits>` for a secret.
    """

    account: str
    region: str
    bucket: str
    prefix: str
    projects: frozenset[str]
    dead_letter_queue_url: str
    gate: Gate


def parse_settings(environment: Mapping[str, str]) -> Settings:
    """Read the JSON object; raises ConfigurationError that names the first field that is wrong."""
    try:
        document = json.loads(environment.get(VARIABLE, ""))
    except (ValueError, RecursionError):
        raise _wrong("", "it is not JSON") from None
    if not isinstance(document, dict):
        raise _wrong("", "it is not an object")
    text = {name: _text(document, name, pattern) for name, pattern in _PATTERNS.items()}
    return Settings(
        account=text["owner"],
        region=text["region"],
        bucket=text["bucket"],
        prefix=text["prefix"],
        projects=_projects(document.get("projects")),
        dead_letter_queue_url=text["dead_letter_queue_url"],
        gate=Gate(_address(document), text["gitlab_project"], text["token_parameter"], _inputs(document)),
    )


def _text(document: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(name, f"observed {value!r:.200}, expected `{pattern.pattern}`")
    return value


def _projects(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        raise _wrong("projects", "expected a list of CodeBuild projects with at least one")
    for name in value:
        if not isinstance(name, str) or not _CODEBUILD_PROJECT.fullmatch(name):
            raise _wrong("projects", f"observed {name!r:.200}, expected the name of a CodeBuild project")
    return frozenset(value)


def _address(document: Mapping[str, Any]) -> str:
    value = document.get("api_url")
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
    except ValueError:
        parts = urlsplit("")
    plain = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not plain or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise _wrong("api_url", "expected an https URL without user name, query or fragment")
    return str(value)


def _inputs(document: Mapping[str, Any]) -> bool:
    value = document.get("inputs", True)
    if not isinstance(value, bool):
        raise _wrong("inputs", f"observed {value!r:.200}, expected true or false")
    return value


def _wrong(field: str, detail: str) -> ConfigurationError:
    subject = f"`{field}` in {VARIABLE}" if field else VARIABLE
    return ConfigurationError(
        f"{subject} is wrong", detail=detail, hint="run `orchestrator prebuild` again with this version of the product"
    )
