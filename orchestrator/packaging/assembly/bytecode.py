"""Compiled Python beside the source, which is up to date whatever the time stamps say (PEP 552, unchecked hash)."""

from __future__ import annotations

import json
import pkgutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.packaging.assembly.entries import Entry, InMemory
from orchestrator.packaging.process import clean_environment
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES, Target

# Where Lambda unpacks functions and layers; tracebacks show these paths.
_ROOTS = {"function": "/var/task/", "layer": "/opt/"}
_SHOWN = 5


@dataclass(frozen=True)
class Compiled:
    """The `.pyc` files, the version of the Python that made them (`3.12.11`), and what could not be compiled."""

    entries: tuple[Entry, ...]
    interpreter: str
    notes: tuple[str, ...]


def compile_entries(entries: Mapping[str, Entry], kind: str, interpreter: Path, target: Target) -> Compiled:
    """Return a `.pyc` for every Python file that can be imported, each a function of its source and the interpreter.

    `interpreter` is a Python of the target's minor version. Files that it cannot compile (Python 2 leftovers,
    templates) are left without and named in a note. Raises ConfigurationError for an interpreter of another version,
    MachineryError if it cannot be run or dies.
    """
    site = "python/" if kind == "layer" else ""
    made, failed, size = [], [], 0
    with _compiler(interpreter, target) as compiler:
        for name, entry in entries.items():
            if not (name.endswith(".py") and name.startswith(site)):
                continue
            content = compiler.compile(_ROOTS[kind] + name, entry.content.read())
            if content is None:
                failed.append(name)
                continue
            size += len(content)
            if size > UNZIPPED_LIMIT_BYTES:
                break  # What is too large is said by who looks at all files.
            cached = _cached(name, compiler.tag)
            made.append(Entry(cached, executable=False, size_bytes=len(content), origin=entry.origin,
                              content=InMemory(content)))  # fmt: skip
        return Compiled(tuple(made), compiler.version, tuple(_notes(failed)))


class _Compiler:
    """A running Python that compiles what it is given (`bytecode_program.py`)."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        about = json.loads(self._stream(process.stdout).readline() or "{}")
        self.version = str(about.get("version", ""))
        self.tag = str(about.get("tag", ""))

    def compile(self, path: str, source: bytes) -> bytes | None:
        """Return the content of the `.pyc`, or None if this is not Python of that version."""
        name = path.encode()
        pipe, answers = self._stream(self._process.stdin), self._stream(self._process.stdout)
        pipe.write(struct.pack(">II", len(name), len(source)) + name)
        pipe.write(source)
        pipe.flush()
        head = answers.read(5)
        if len(head) < 5:
            raise EOFError(f"it ended while it compiled {path!a}")
        done, length = struct.unpack(">BI", head)
        content = answers.read(length)
        return content if done else None

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None  # noqa: S101 - both ends are pipes
        return stream


@contextmanager
def _compiler(interpreter: Path, target: Target) -> Iterator[_Compiler]:
    program = pkgutil.get_data(__package__, "bytecode_program.py")
    assert program is not None  # noqa: S101 - it lies beside this file
    # Order of sets in bytecode depends on the hash seed; nothing of the machine's Python set-up may be loaded.
    environment = clean_environment({"PYTHONHASHSEED": "0"})
    command = [str(interpreter), "-s", "-S", "-B", "-W", "ignore", "-c", program.decode()]
    try:
        with subprocess.Popen(
            command, env=environment, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                compiler = _Compiler(process)
                _check_version(compiler.version, target)
                yield compiler
            finally:
                process.kill()
    except (OSError, EOFError, ValueError) as error:
        raise MachineryError(
            f"`{interpreter.name}` does not compile", detail=str(error),
            hint="try again, or build without `bytecode:`",
        ) from error  # fmt: skip


def _check_version(version: str, target: Target) -> None:
    if version.split(".")[:2] != target.python_version.split("."):
        raise ConfigurationError(
            "the Python that should compile is another one than the package is for",
            detail=f"observed: {version or 'no Python'}, expected: {target.python_version}",
            hint=f"install Python {target.python_version}, or build without `bytecode:`",
        )


def _cached(name: str, tag: str) -> str:
    """Return where the import system looks for the compiled file (PEP 3147)."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}__pycache__/{last.removesuffix('.py')}.{tag}.pyc"


def _notes(failed: list[str]) -> Iterator[str]:
    if failed:
        more = f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        yield f"not compiled, because this Python does not take them: {', '.join(failed[:_SHOWN])}{more}"
