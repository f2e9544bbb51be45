"""What a job's shell finds in its environment: built from nothing, never inherited as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.emulator.gitlab.ci.expansion import expand_all
from orchestrator.emulator.gitlab.pipelines.variables import JobVariables

_PASSED = frozenset(
    [
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "AWS_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
        "LANG",
        "TF_PLUGIN_CACHE_DIR",
        "TF_CLI_CONFIG_FILE",
        "ORCHESTRATOR_PROVIDER_MIRROR",
        "LD_LIBRARY_PATH",
    ]
)
_PASSED_PREFIXES = ("PIP_", "UV_", "SSL_CERT_")
_NOT_PASSED = frozenset({"UV_PYTHON"})


def from_machine(machine: Mapping[str, str]) -> dict[str, str]:
    """Return what of the machine's environment a job needs to reach the network at all."""
    passed = {
        name: value
        for name, value in machine.items()
        if name not in _NOT_PASSED
        and (name in _PASSED or name.startswith(_PASSED_PREFIXES) or name.lower().endswith("_proxy"))
    }
    if any(name.lower().endswith("_proxy") for name in passed):
        # No proxy can reach the loopback of this machine, and the emulator is nowhere else.
        listed = passed.get("NO_PROXY") or passed.get("no_proxy") or ""
        for name in ("NO_PROXY", "no_proxy"):
            passed[name] = ",".join(filter(None, [listed, "127.0.0.1", "localhost"]))
    return passed


def resolve(variables: JobVariables, folders: Mapping[str, str], files: Path) -> dict[str, str]:
    """Return the expanded CI variables; those of type file are written below `files` and become paths.

    `folders` are the variables that only the runner knows, such as `CI_PROJECT_DIR`.
    """
    values = {**folders, **variables.values}
    files.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in variables.files:
        path = files / name
        path.write_text(values[name], encoding="utf-8", errors="surrogateescape")
        path.chmod(0o600)
        values[name] = str(path)
    done = expand_all(values, variables.raw | folders.keys(), missing_is_kept=False)
    return {name: value.replace("\0", "") for name, value in done.items() if _usable(name)}


def _usable(name: str) -> bool:
    return bool(name) and "=" not in name and "\0" not in name


def of_shell(
    resolved: Mapping[str, str],
    job_environment: Mapping[str, str],
    machine: Mapping[str, str],
    home: Path,
    temporary: Path,
) -> dict[str, str]:
    """Return the whole environment of a job's shell; CI variables are on top."""
    return {
        "PATH": machine.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        **from_machine(machine),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "USER": "gitlab-runner",
        "LOGNAME": "gitlab-runner",
        "SHELL": "/bin/bash",
        "TERM": "dumb",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **job_environment,
        **resolved,
    }
