"""Whether this machine can run a function: machine code runs on its own processor and Python only."""

from __future__ import annotations

import functools
import io
import platform
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.emulator.aws.functions.catalogue import Function
from orchestrator.packaging.wheels.interpreter import find_python

# e_machine of the ELF header (ELF specification).
_MACHINES = {183: "arm64", 62: "x86_64"}
_HERE = {"aarch64": "arm64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())
_HEADER_BYTES = 20


class CannotRun(Exception):
    """The function may be right, but this machine cannot tell; the message says why."""


def python_for(function: Function) -> Path:
    """Return the Python that runs the function. Raises `CannotRun`, zipfile.BadZipFile.

    Without machine code any will do, and it is the emulator's own.
    """
    found = {machine: name for _, code in function.archives for machine, name in _machines(code).items()}
    if not found:
        return Path(sys.executable)
    machine, name = next(((machine, name) for machine, name in found.items() if machine != _HERE), (_HERE, ""))
    if machine != _HERE:
        raise CannotRun(f"this machine is {_HERE}, and `{name}` is for {machine}")
    if function.architecture != _HERE:
        raise CannotRun(f"the function is for {function.architecture}, and this machine with its code is {_HERE}")
    version = function.runtime.removeprefix("python")
    python = _python(version)
    if python is None:
        raise CannotRun(f"this machine has no Python {version}, and the function has machine code for it")
    return python


@functools.lru_cache(maxsize=64)
def _machines(code: bytes) -> dict[str, str]:
    """Return the processors that files of the archive are for, each with the first file that is."""
    found: dict[str, str] = {}
    for name, header in _headers(code):
        if header[:4] == b"\x7fELF" and len(header) == _HEADER_BYTES:
            number = struct.unpack_from("<H", header, 18)[0]
            found.setdefault(_MACHINES.get(number, f"processor {number}"), name)
    return found


def _headers(code: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                yield entry.filename, stream.read(_HEADER_BYTES)


@functools.cache
def _python(version: str) -> Path | None:
    found = find_python(version, preferred=lambda _: True)
    return found.path if found else None
