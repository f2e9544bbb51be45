"""Running other programs with an environment that cannot change what they do behind our back."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from orchestrator.errors import MachineryError

# What a child gets of our variables. Whoever may start a build may set any variable, and a job of a pipeline has tokens
# under names that nobody can list, so all others stay here.
_ALLOWED = {
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "TMPDIR", "TMP", "TEMP"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "PYENV_ROOT", "NETRC"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"),
    *("CARGO_HTTP_CAINFO", "NODE_EXTRA_CA_CERTS"),
    # Where the sources are, and by what everything that a build started is found.
    *("CODEBUILD_SRC_DIR", "CODEBUILD_BUILD_ARN"),
    # Where and how to download. Other variables of uv and pip move files or load code.
    *("UV_CACHE_DIR", "UV_CONCURRENT_DOWNLOADS", "UV_DEFAULT_INDEX", "UV_EXCLUDE_NEWER", "UV_FIND_LINKS"),
    *("UV_HTTP_CONNECT_TIMEOUT", "UV_HTTP_RETRIES", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST", "UV_NATIVE_TLS"),
    *("UV_OFFLINE", "UV_SYSTEM_CERTS"),
    *("PIP_CACHE_DIR", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_EXTRA_INDEX_URL"),
    *("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_PROXY", "PIP_RETRIES", "PIP_TIMEOUT", "PIP_TRUSTED_HOST"),
}
_ALLOWED_PREFIXES = ("LC_", "UV_INDEX", "UV_EXTRA_INDEX")
_BLOCK_BYTES = 1 << 16
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"}
# With these, compilers and loaders find what a build image has in unusual places: they shape what is compiled.
SHAPING = ("CPATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "PKG_CONFIG_PATH")
# What programs need that call AWS, or us again: git asks us for its password.
_CREDENTIALS = ("AWS_", "CODEBUILD_", "ORCHESTRATOR_")


@dataclass(frozen=True)
class Result:
    """How a program ended: its exit code, and what it wrote."""

    code: int
    output: str
    errors: str


def clean_environment(
    extra: Mapping[str, str] | None = None, *, credentials: bool = False, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment for a program: the variables of a short list, and `extra`.

    Build scripts of dependencies run below these programs, and have no business with the account or the tokens of a
    job. `credentials` adds those of the build, for programs that need them themselves.
    """
    kept = {name: value for name, value in environ.items() if _is_allowed(name, credentials=credentials)}
    return {**kept, **(extra or {})}


def _is_allowed(name: str, *, credentials: bool) -> bool:
    return (
        name in _ALLOWED
        or name in SHAPING
        or name.upper() in _PROXIES
        or name.startswith(_ALLOWED_PREFIXES)
        or (credentials and name.startswith(_CREDENTIALS))
    )


def run(
    arguments: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    directory: Path | None = None,
    timeout_seconds: float = 3600,
) -> Result:
    """Run a program and all it starts to the end; raises MachineryError if it cannot be started or does not end."""
    process = _started(arguments, environment, directory, encoding="utf-8")
    with process:
        try:
            output, errors = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            name = Path(arguments[0]).name
            raise MachineryError(f"`{name}` did not end within {timeout_seconds:.0f} seconds") from None
        finally:
            _end(process)
    return Result(process.returncode, output, errors)


def _started(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str],
    directory: Path | None,
    *,
    encoding: str | None = None,
) -> subprocess.Popen[Any]:
    """Start a program in a session of its own, so that all it starts can be ended; its output is bytes by default."""
    try:
        return subprocess.Popen(
            [str(argument) for argument in arguments],
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            encoding=encoding,
            errors="replace" if encoding else None,
        )
    except OSError as error:
        raise MachineryError(
            f"cannot start `{Path(arguments[0]).name}`", detail=str(error), hint="check that the build image has it"
        ) from error


def _end(process: subprocess.Popen[Any]) -> None:
    """Kill what the program has started and left: it would hold our pipes open, or write after us."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def stream(arguments: Sequence[str | Path], *, environment: Mapping[str, str], directory: Path) -> int:
    """Run a program whose output becomes ours as it comes; return its exit code (128 and the signal, as a shell does).

    It writes to a pipe and not to our own descriptors, because what it says may quote a secret. Raises MachineryError
    if it cannot be started.
    """
    process = _started(arguments, environment, directory)
    pipes = ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    copiers = [threading.Thread(target=_copy, args=pair, daemon=True) for pair in pipes]
    with process:
        for copier in copiers:
            copier.start()
        try:
            process.wait()
        finally:
            _end(process)
            for copier in copiers:
                copier.join()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _copy(pipe: IO[bytes], stream: TextIO) -> None:
    """Hand on what comes out of a pipe at once, to its end; when nobody takes it any more, the program goes on."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with suppress(ValueError):  # the pipe was closed
        while block := os.read(pipe.fileno(), _BLOCK_BYTES):
            with suppress(OSError, ValueError):
                stream.write(decoder.decode(block))
                stream.flush()
