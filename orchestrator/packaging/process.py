"""Running other programs with an environment that cannot change what they do behind our back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import MachineryError

# Whoever may start a build may set any variable; these would load code or move files (loaders, interpreters).
_DROPPED = {"BASH_ENV", "ENV", "LD_AUDIT", "LD_PRELOAD", "PERL5OPT", "PERL5LIB", "SHELLOPTS", "SOURCE_DATE_EPOCH"}
_DROPPED_PREFIXES = ("PYTHON", "GIT_", "PIP_", "UV_", "BASH_FUNC_", "VIRTUAL_ENV", "CONDA_")
# Of the families above, what only says where and how to download stays: mirrors, proxies, certificates.
_KEPT = {
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "UV_CACHE_DIR",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_DEFAULT_INDEX",
    "UV_EXCLUDE_NEWER",
    "UV_FIND_LINKS",
    "UV_HTTP_CONNECT_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_HTTP_TIMEOUT",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_OFFLINE",
    "UV_SYSTEM_CERTS",
    "PIP_CACHE_DIR",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_CONFIG_FILE",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TIMEOUT",
    "PIP_TRUSTED_HOST",
}
_KEPT_PREFIXES = ("UV_INDEX", "UV_EXTRA_INDEX")
# What a build, or a job of GitLab (docs: predefined variables), could be impersonated with.
_CREDENTIALS = (
    "AWS_",
    "CI_DEPENDENCY_PROXY_PASSWORD",
    "CI_DEPLOY_PASSWORD",
    "CI_JOB_JWT",
    "CI_JOB_TOKEN",
    "CI_REGISTRY_PASSWORD",
    "CI_REPOSITORY_URL",
    "GITLAB_TOKEN",
    "ORCHESTRATOR_GITLAB_TOKEN",
)


@dataclass(frozen=True)
class Result:
    """How a program ended: its exit code, and what it wrote."""

    code: int
    output: str
    errors: str


def clean_environment(
    extra: Mapping[str, str] | None = None, *, credentials: bool = False, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment for a program; AWS credentials are in it only if it needs them itself.

    Build scripts of dependencies run below these programs, and have no business with the account.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _DROPPED
        and (not name.startswith(_DROPPED_PREFIXES) or name in _KEPT or name.startswith(_KEPT_PREFIXES))
        and (credentials or not name.startswith(_CREDENTIALS))
    }
    return {**kept, **(extra or {})}


def run(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    directory: Path | None = None,
    timeout_seconds: float = 3600,
) -> Result:
    """Run a program and all it starts to the end; raises MachineryError if it cannot be started or does not end."""
    name = Path(arguments[0]).name
    try:
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise MachineryError(
            f"cannot start `{name}`", detail=str(error), hint="check that the build image has it"
        ) from error
    with process:
        try:
            output, errors = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            raise MachineryError(f"`{name}` did not end within {timeout_seconds:.0f} seconds") from None
        finally:
            _end(process)
    return Result(process.returncode, output, errors)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill what the program has started and left: it would hold our pipes open, or write after us."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def stream(arguments: Sequence[str | Path], *, environment: Mapping[str, str], directory: Path) -> int:
    """Run a program whose output goes straight to ours; return its exit code (128 and the signal, as a shell says it).

    Raises MachineryError if it cannot be started.
    """
    try:
        done = subprocess.run(
            [str(argument) for argument in arguments],
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        raise MachineryError(
            f"cannot start `{Path(arguments[0]).name}`", detail=str(error), hint="check that the build image has it"
        ) from error
    return done.returncode if done.returncode >= 0 else 128 - done.returncode
