"""What prebuild tells the build about its work: the variable ORCHESTRATOR_SETTINGS, checked strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.runtimes import Target, target_of

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_./-]{1,2048}")
_GITLAB_PROJECT = re.compile(r"[0-9]+|[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
_PREFIX = re.compile(r"([A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*)?")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Clone:
    """Where to clone from, and the SSM parameters that hold the credential."""

    url: str
    username_parameter: str
    token_parameter: str


@dataclass(frozen=True)
class Trigger:
    """The GitLab project to call when the build is over, and the SSM parameter that holds the token."""

    api_url: str
    project: str
    token_parameter: str


@dataclass(frozen=True)
class Settings:
    """What is built, for what, and how. `source` and `requirements` are paths in the repository."""

    project: str
    package: str
    kind: str
    target: Target
    source: str
    requirements: str | None
    environment: Mapping[str, str]
    clone: Clone | None
    trigger: Trigger
    prefix: str


def parse_settings(text: str) -> Settings:
    """Read the JSON object; raises ConfigurationError that names the first field that is wrong."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _wrong("", f"it is not JSON: {error}") from None
    fields = _Fields(document, "")
    fetch = fields.choice("fetch", ("snapshot", "clone"))
    return Settings(
        project=fields.text("project"),
        package=fields.text("package"),
        kind=fields.choice("kind", ("function", "layer")),
        target=target_of(fields.text("architecture"), fields.text("runtime"), fields.get("runtimes")),
        source=fields.path("source"),
        requirements=fields.path("requirements") if fields.get("requirements") is not None else None,
        environment=_environment(fields.get("environment", {})),
        clone=_clone(_Fields(fields.get("clone"), "clone.")) if fetch == "clone" else None,
        trigger=_trigger(_Fields(fields.get("trigger"), "trigger.")),
        prefix=parse_prefix(fields.get("prefix", "")),
    )


def parse_prefix(value: object) -> str:
    """Return a key prefix: segments joined by `/`, none of them empty, `.` or `..`; empty for none."""
    if not isinstance(value, str) or not _PREFIX.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise _wrong("prefix", f"observed {value!r}, expected segments of plain characters joined by `/`")
    return value


def _environment(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _wrong("environment", f"observed {value!r}, expected an object")
    for name, text in value.items():
        if not _VARIABLE_NAME.fullmatch(name) or not isinstance(text, str) or "\0" in text:
            raise _wrong("environment", f"observed `{name}`, expected names like `CFLAGS` and values that are text")
    return dict(value)


def _clone(fields: _Fields) -> Clone:
    return Clone(fields.url("url"), fields.parameter("username_parameter"), fields.parameter("token_parameter"))


def _trigger(fields: _Fields) -> Trigger:
    project = str(fields.get("project"))
    if not _GITLAB_PROJECT.fullmatch(project):
        raise _wrong("trigger.project", f"observed {project!r}, expected an id or a path like `group/name`")
    return Trigger(fields.url("api_url"), project, fields.parameter("token_parameter"))


class _Fields:
    """One JSON object whose fields are read with a check."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(path.rstrip("."), f"observed {value!r}, expected an object")
        self._value, self._path = value, path

    def get(self, name: str, default: object = None) -> Any:
        return self._value.get(name, default)

    def text(self, name: str) -> str:
        value = self._value.get(name)
        if not isinstance(value, str) or not value or any(ord(character) < 32 for character in value):
            raise _wrong(self._path + name, f"observed {value!r}, expected text on one line")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            raise _wrong(self._path + name, f"observed {value!r}, expected one of {', '.join(allowed)}")
        return value

    def path(self, name: str) -> str:
        value = self.text(name)
        if value.startswith("/") or ".." in value.split("/"):
            raise _wrong(self._path + name, f"observed {value!r}, expected a path inside the repository")
        return value

    def parameter(self, name: str) -> str:
        value = self.text(name)
        if not _PARAMETER_NAME.fullmatch(value):
            raise _wrong(self._path + name, f"observed {value!r}, expected the name of an SSM parameter")
        return value

    def url(self, name: str) -> str:
        value = self.text(name)
        parts = urlsplit(value)
        plain = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not plain or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
            raise _wrong(self._path + name, "expected an https URL without user name, query or fragment")
        return value


def _wrong(field: str, detail: str) -> ConfigurationError:
    subject = f"`{field}` in ORCHESTRATOR_SETTINGS" if field else "ORCHESTRATOR_SETTINGS"
    return ConfigurationError(
        f"{subject} is wrong", detail=detail, hint="run `orchestrator prebuild` again with this version of the product"
    )
