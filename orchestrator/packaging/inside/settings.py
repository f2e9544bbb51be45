"""What prebuild tells the build about its work: the variable ORCHESTRATOR_SETTINGS, checked strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

from orchestrator.packaging.inside.fields import Fields, wrong
from orchestrator.packaging.inspection.model import Allowance, Rule
from orchestrator.packaging.runtimes import Target, target_of

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GITLAB_PROJECT = re.compile(r"[0-9]+|[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
_PREFIX = re.compile(r"([A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*)?")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_DISTRIBUTION = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# Never with a dash in front, which a package manager would read as an option.
_SYSTEM_PACKAGE = re.compile(r"[A-Za-z0-9@/][A-Za-z0-9@/+._:~=*()-]{0,254}")


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
    """What is built, for what, and how. `source`, `requirements` and `output` are paths in the repository.

    `system_packages` are names for whatever package manager there is, or lists by manager. `commands` and `output`
    belong to the kind `custom`. `trigger` is None where an event tells the end of a build. `where` says who may
    make the package, for the record: a build is told by being one.
    """

    project: str
    package: str
    kind: str
    target: Target
    source: str
    requirements: str | None
    environment: Mapping[str, str]
    clone: Clone | None
    trigger: Trigger | None
    prefix: str
    system_packages: tuple[str, ...] | Mapping[str, tuple[str, ...]] = ()
    commands: tuple[str, ...] = ()
    output: str | None = None
    exclude: tuple[str, ...] = ()
    bytecode: bool = False
    smoke: tuple[str, ...] = ()
    allow: tuple[Allowance, ...] = ()
    allow_pure: tuple[str, ...] = ()
    keep_wheels: bool = True
    where: str = "codebuild"


_KNOWN = {field.name for field in dataclass_fields(Settings)} - {"target"}
_KNOWN |= {"architecture", "runtime", "runtimes", "fetch"}


def parse_settings(text: str) -> Settings:
    """Read the JSON object; raises ConfigurationError that names the first field that is wrong."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise wrong("", f"it is not JSON: {error}") from None
    fields = Fields(document, "")
    fields.only(_KNOWN)
    fetch = fields.choice("fetch", ("snapshot", "clone"))
    kind = fields.choice("kind", ("function", "layer", "custom"))
    return Settings(
        project=fields.text("project"),
        package=fields.text("package"),
        kind=kind,
        target=target_of(fields.text("architecture"), fields.text("runtime"), _runtimes(fields)),
        source=fields.path("source"),
        requirements=fields.optional_path("requirements"),
        environment=_environment(fields.get("environment", {})),
        clone=_clone(Fields(fields.get("clone"), "clone.")) if fetch == "clone" else None,
        trigger=None if fields.get("trigger") is None else _trigger(Fields(fields.get("trigger"), "trigger.")),
        prefix=parse_prefix(fields.get("prefix", "")),
        system_packages=_system_packages(fields),
        commands=_commands(fields, kind),
        output=_output(fields, kind),
        exclude=fields.texts("exclude"),
        bytecode=fields.flag("bytecode", default=False),
        smoke=fields.texts("smoke", _MODULE),
        allow=tuple(_allowance(item, number) for number, item in enumerate(fields.list("allow"))),
        allow_pure=fields.texts("allow_pure", _DISTRIBUTION),
        keep_wheels=fields.flag("keep_wheels", default=True),
        where=fields.choice("where", ("codebuild", "auto")) if fields.get("where") is not None else "codebuild",
    )


def parse_prefix(value: object) -> str:
    """Return a key prefix: segments joined by `/`, none of them empty, `.` or `..`; empty for none."""
    if not isinstance(value, str) or not _PREFIX.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise wrong("prefix", f"observed {value!r}, expected segments of plain characters joined by `/`")
    return value


def _environment(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wrong("environment", f"observed {value!r}, expected an object")
    for name, text in value.items():
        if not _VARIABLE_NAME.fullmatch(name) or not isinstance(text, str) or "\0" in text:
            raise wrong("environment", f"observed `{name}`, expected names like `CFLAGS` and values that are text")
    return dict(value)


def _runtimes(fields: Fields) -> Mapping[str, Any] | None:
    rows = fields.get("runtimes")
    if rows is not None and not (isinstance(rows, dict) and all(isinstance(row, dict) for row in rows.values())):
        raise wrong("runtimes", f"observed {rows!r}, expected rows of the table of runtimes")
    return rows


def _system_packages(fields: Fields) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
    value = fields.get("system_packages", [])
    if not isinstance(value, dict):
        return fields.texts("system_packages", _SYSTEM_PACKAGE)
    managers = Fields(value, "system_packages.")
    managers.only({"dnf", "yum", "apt-get"})
    return {name: managers.texts(name, _SYSTEM_PACKAGE) for name in value}


def _commands(fields: Fields, kind: str) -> tuple[str, ...]:
    """Return the commands, of which a custom package has some and no other has any."""
    found = fields.list("commands")
    if not all(isinstance(item, str) and item.strip() and "\0" not in item for item in found):
        raise wrong("commands", "expected texts for bash")
    if bool(found) is not (kind == "custom"):
        raise wrong("commands", f"observed {len(found)} commands of a package of the kind `{kind}`")
    return tuple(found)


def _output(fields: Fields, kind: str) -> str | None:
    output = fields.optional_path("output")
    if (output is not None) is not (kind == "custom"):
        raise wrong("output", f"observed {output!r} of a package of the kind `{kind}`")
    return output


def _allowance(value: Any, number: int) -> Allowance:
    fields = Fields(value, f"allow.{number}.")
    rule = Rule(fields.choice("rule", tuple(rule.value for rule in Rule)))
    return Allowance(rule, fields.text("reason"), fields.text("file"), fields.text("subject"))


def _clone(fields: Fields) -> Clone:
    return Clone(fields.url("url"), fields.parameter("username_parameter"), fields.parameter("token_parameter"))


def _trigger(fields: Fields) -> Trigger:
    project = str(fields.get("project"))
    if not _GITLAB_PROJECT.fullmatch(project):
        raise wrong("trigger.project", f"observed {project!r}, expected an id or a path like `group/name`")
    return Trigger(fields.url("api_url"), project, fields.parameter("token_parameter"))
