"""What a buildspec says, version 0.1 and 0.2, as values (AWS docs: build-spec-ref)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from orchestrator.emulator.aws.container import nodes
from orchestrator.emulator.aws.container.nodes import YamlFileError

PHASES = ("install", "pre_build", "build", "post_build")
_VERSIONS = ("0.1", "0.2")
POSIX_SHELLS = ("bash", "sh", "/bin/sh", "/bin/bash")
_SHELLS = (*POSIX_SHELLS, "powershell.exe", "cmd.exe", "pwsh.exe")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SWITCH = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False, "": False}


@dataclass(frozen=True)
class OnFailure:
    """What a failed command of a phase leads to.

    `action` is DEFAULT, ABORT, CONTINUE or RETRY; `retries` and `pattern` belong to RETRY: how many more
    builds are started, and what the error message has to match.
    """

    action: str = "DEFAULT"
    retries: int = 0
    pattern: str = ".*"


@dataclass(frozen=True)
class Phase:
    """Commands of one phase, in order; `finally_commands` run also after a failure."""

    commands: tuple[str, ...] = ()
    finally_commands: tuple[str, ...] = ()
    on_failure: OnFailure = OnFailure()
    runtime_versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifacts:
    """Which files leave the build, relative to `base_directory`; `name` may hold shell text."""

    files: tuple[str, ...] = ()
    base_directory: str = ""
    name: str = ""
    discard_paths: bool = False
    exclude_paths: tuple[str, ...] = ()
    s3_prefix: str = ""


@dataclass(frozen=True)
class Buildspec:
    """A whole buildspec; what CodeBuild does besides running commands (reports, cache, batch) is left out."""

    version: str
    shell: str
    variables: Mapping[str, str]
    parameter_store: Mapping[str, str]
    secrets_manager: Mapping[str, str]
    exported_variables: tuple[str, ...]
    git_credential_helper: bool
    phases: Mapping[str, Phase]
    artifacts: Artifacts | None
    secondary_artifacts: Mapping[str, Artifacts]


def parse(text: str) -> Buildspec:
    """Return the buildspec in `text`; raise YamlFileError with the message that the phase context shows."""
    root = nodes.mapping(nodes.read(text), "the buildspec")
    version = nodes.text(root.get("version"), "Version")
    if version not in _VERSIONS:
        raise YamlFileError(f"Unsupported buildspec version: {version or 'none'}. Expecting: {','.join(_VERSIONS)}")
    env = nodes.mapping(root.get("env"), "Env")
    artifacts = root.get("artifacts")
    for section in ("reports", "cache", "batch", "proxy"):
        nodes.mapping(root.get(section), section.capitalize())
    return Buildspec(
        version=version,
        shell=_shell(env.get("shell")),
        variables=_texts(env.get("variables"), "Variables"),
        parameter_store=_texts(env.get("parameter-store"), "Parameter-store"),
        secrets_manager=_texts(env.get("secrets-manager"), "Secrets-manager"),
        exported_variables=_exported(env.get("exported-variables")),
        git_credential_helper=_switch(env.get("git-credential-helper"), "git-credential-helper"),
        phases=_phases(root),
        artifacts=None if nodes.is_null(artifacts) else _artifacts(artifacts, "Artifacts"),
        secondary_artifacts=_secondary(artifacts),
    )


def is_inline(buildspec: str) -> bool:
    """Return whether a project's `buildspec` member is the text itself, not a path or an S3 ARN."""
    if not buildspec.strip():
        return False
    return "\n" in buildspec.strip() or bool(re.search(r"[{:]\s", buildspec)) or buildspec.lstrip().startswith("{")


def _phases(root: Mapping[str, yaml.Node]) -> dict[str, Phase]:
    found = nodes.mapping(root.get("phases"), "Phases")
    if not found and "batch" not in root:
        raise YamlFileError("Missing phases: at least one of build,install,post_build,pre_build is expected")
    for name in found:
        if name not in PHASES:
            raise YamlFileError(f"Invalid buildspec phase name: {name}. Expecting: {','.join(sorted(PHASES))}")
    return {name: _phase(found[name], name) for name in PHASES if name in found}


def _phase(node: yaml.Node, name: str) -> Phase:
    found = nodes.mapping(node, f"phase {name}")
    return Phase(
        commands=_commands(found.get("commands"), "Commands"),
        finally_commands=_commands(found.get("finally"), "Finally"),
        on_failure=_on_failure(nodes.text(found.get("on-failure"), "On-failure")),
        runtime_versions=_texts(found.get("runtime-versions"), "Runtime-versions"),
    )


def _commands(node: yaml.Node | None, what: str) -> tuple[str, ...]:
    texts = (nodes.text(item, f"{what}[{index}]") for index, item in enumerate(nodes.items(node, what)))
    return tuple(command for command in texts if command.strip())


def _on_failure(text: str) -> OnFailure:
    """Read `ABORT | CONTINUE | RETRY | RETRY-<count> | RETRY-<regex> | RETRY-<count>-<regex>`."""
    if text in ("", "ABORT", "CONTINUE"):
        return OnFailure(text or "DEFAULT")
    match = re.fullmatch(r"RETRY(?:-(\d{1,3})(?=-|$))?(?:-(.+))?", text, re.DOTALL)
    if match is None or int(match[1] or 0) > 100:
        expected = "ABORT,CONTINUE,RETRY,RETRY-count,RETRY-regex,RETRY-count-regex"
        raise YamlFileError(f"Invalid on-failure value: {text}. Expecting: {expected}")
    pattern = match[2] or ".*"
    try:
        re.compile(pattern)
    except re.error as error:
        raise YamlFileError(f"Invalid on-failure regular expression: {pattern}") from error
    return OnFailure("RETRY", int(match[1]) if match[1] else 3, pattern)


def _shell(node: yaml.Node | None) -> str:
    shell = nodes.text(node, "Shell") or "sh"
    if shell not in _SHELLS:
        raise YamlFileError(f"Invalid shell: {shell}. Expecting: bash,/bin/sh,powershell.exe,cmd.exe")
    return shell


def _exported(node: yaml.Node | None) -> tuple[str, ...]:
    names = tuple(nodes.text(item, "Exported-variables") for item in nodes.items(node, "Exported-variables"))
    for name in names:
        if name and not _NAME.fullmatch(name):
            raise YamlFileError(f"Invalid exported variable name: {name}")
    return tuple(name for name in names if name)


def _texts(node: yaml.Node | None, what: str) -> dict[str, str]:
    return {key: nodes.text(value, f"{what}[{key}]") for key, value in nodes.mapping(node, what).items()}


def _switch(node: yaml.Node | None, what: str) -> bool:
    text = nodes.text(node, what).lower()
    if text not in _SWITCH:
        raise YamlFileError(f"Invalid value of {what}: {text}. Expecting: yes,no")
    return _SWITCH[text]


def _secondary(node: yaml.Node | None) -> dict[str, Artifacts]:
    found = nodes.mapping(nodes.mapping(node, "Artifacts").get("secondary-artifacts"), "Secondary-artifacts")
    return {name: _artifacts(value, f"Secondary-artifacts[{name}]") for name, value in found.items()}


def _artifacts(node: yaml.Node | None, what: str) -> Artifacts:
    found = nodes.mapping(node, what)

    def texts(key: str) -> tuple[str, ...]:
        return tuple(nodes.text(item, f"{what} {key}") for item in nodes.items(found.get(key), f"{what} {key}"))

    return Artifacts(
        files=texts("files"),
        base_directory=nodes.text(found.get("base-directory"), "Base-directory"),
        name=nodes.text(found.get("name"), "Name"),
        discard_paths=_switch(found.get("discard-paths"), "discard-paths"),
        exclude_paths=texts("exclude-paths"),
        s3_prefix=nodes.text(found.get("s3-prefix"), "S3-prefix"),
    )
