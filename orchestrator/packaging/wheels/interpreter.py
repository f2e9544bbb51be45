"""Finding a Python of the target's version on this machine, by asking each candidate what it is."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.packaging.process import clean_environment, run
from orchestrator.packaging.programs import program
from orchestrator.packaging.runtimes import Target

# SOABI says implementation, version, threading model, machine and C library: `cpython-313-x86_64-linux-gnu`.
_QUESTION = (
    "import importlib.util, os, platform, sysconfig; "
    "print(sysconfig.get_config_var('SOABI'), platform.python_version(), "
    "os.path.isfile(os.path.join(sysconfig.get_path('include'), 'Python.h')), "
    "importlib.util.find_spec('pip') is not None)"
)
_ANSWER_SECONDS = 30


@dataclass(frozen=True)
class Interpreter:
    """A Python that has been run: its program, its full version (`3.13.0`), whether it has C headers and pip."""

    path: Path
    version: str
    headers: bool
    pip: bool


def interpreter_of(target: Target) -> Path | None:
    """Return a Python that runs code of the target, or None if this machine has none."""
    found = find_interpreter(target)
    return found.path if found else None


def find_interpreter(target: Target) -> Interpreter | None:
    """Return the interpreter of the target; one with headers if there is any, since only it can compile."""
    if target.runtime.python is None or target.foreign_machine():
        return None
    return find_python(target.runtime.python, preferred=lambda found: found.headers)


def find_python(
    version: str, *, preferred: Callable[[Interpreter], bool], environ: Mapping[str, str] = os.environ
) -> Interpreter | None:
    """Return a CPython of the minor version `version` for this machine, with its lock, on glibc.

    The first that is `preferred`, else the first. Every candidate is run: names and links say nothing reliable.
    """
    soabi = f"cpython-{version.replace('.', '')}-{platform.machine()}-linux-gnu"
    second_best: Interpreter | None = None
    asked: set[Path] = set()
    for candidate in _candidates(version, environ):
        if candidate in asked:
            continue
        asked.add(candidate)
        found = _ask(candidate, soabi)
        if found and preferred(found):
            return found
        second_best = second_best or found
    return second_best


def _candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield programs that may be it, the likeliest first; looking for further ones costs more and more."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        yield Path(sys.executable)
    # pyenv's own programs ask what is selected, and fail for what is not; its versions come below.
    shims = str(Path(environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "shims")
    folders = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder not in ("", shims)]
    for name in (f"python{version}", "python3", "python"):
        for folder in folders:
            if found := shutil.which(name, path=folder):
                yield Path(found)
    yield from _of_pyenv(version, environ)
    yield from _of_uv(version)


def _of_pyenv(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the installed versions of pyenv, newest patch first; its shims work for the selected one only."""
    for root in dict.fromkeys(
        (Path(environ.get("PYENV_ROOT", "~/.pyenv")).expanduser(), Path("~/.pyenv").expanduser())
    ):
        folders = list((root / "versions").glob(f"{version}.*"))
        for folder in sorted(folders, key=lambda folder: _patch(folder.name), reverse=True):
            yield folder / "bin" / f"python{version}"


def _patch(name: str) -> int:
    last = name.rpartition(".")[2]
    return int(last) if last.isdigit() else -1


def _of_uv(version: str) -> Iterator[Path]:
    try:
        answer = run(
            [program("uv"), "python", "find", "--no-python-downloads", "--no-project", "--no-config", version],
            environment=clean_environment(),
            timeout_seconds=_ANSWER_SECONDS,
        )
    except OrchestratorError:
        return
    if answer.code == 0 and answer.output.strip():
        yield Path(answer.output.strip())


def _ask(candidate: Path, soabi: str) -> Interpreter | None:
    try:
        answer = subprocess.run(
            [candidate, "-I", "-c", _QUESTION],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = answer.stdout.split()
    if answer.returncode or len(words) != 4 or words[0] != soabi:
        return None
    return Interpreter(candidate, words[1], words[2] == "True", words[3] == "True")
