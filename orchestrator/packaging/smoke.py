"""Importing a finished package the way Lambda would: only its own files, its layers, and the runtime's Python."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import stat
import subprocess
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.compile import lacking
from orchestrator.packaging.wheels.interpreter import interpreter_of

_SECONDS = 60.0
_SHOWN_LINES = 15
# Reads nothing of this machine but the standard library, and imports one module. The runtime's own order (AWS docs,
# "Search paths" of Python functions): the function, its layers, then the standard library; site-packages of the
# build machine are not there (-S), nor its variables and the current directory (-I).
_PROGRAM = """\
import posix, sys
paths, module, mark, write = sys.argv[1].split("\\n"), sys.argv[2], sys.argv[3], posix.write
sys.path[:0] = paths
sys.dont_write_bytecode = True
sys.argv[:] = [""]
__import__(module)
write(1, mark.encode())
"""


@dataclass(frozen=True)
class _Places:
    """Where a function's files lie: `/var/task` and `/opt`, below a scratch directory."""

    task: Path
    opt: Path

    def search_path(self, version: str) -> list[str]:
        return [
            str(self.task),
            str(self.opt / "python" / "lib" / f"python{version}" / "site-packages"),
            str(self.opt / "python"),
        ]

    def libraries(self) -> str:
        """LD_LIBRARY_PATH of the runtimes' images, with these places."""
        own = (self.task, self.task / "lib", self.opt / "lib")
        system = ("/var/lang/lib", "/lib64", "/usr/lib64", "/var/runtime", "/var/runtime/lib")
        return ":".join((*system, *map(str, own)))


def smoke(
    package: Path,
    layers: Sequence[Path],
    kind: str,
    target: Target,
    modules: Sequence[str],
    scratch: Path,
    *,
    timeout_seconds: float = _SECONDS,
) -> None:
    """Import every module in a process of its own, from the unpacked package and its layers.

    `kind` is `function`, `layer` or `custom`. Raises BuildFailed naming the module and what it said, or
    ConfigurationError where code of the target cannot run.
    """
    if not modules:
        return
    python = interpreter_of(target)
    if python is None:
        raise ConfigurationError(
            "the modules under `smoke` cannot be imported here",
            detail=f"observed: {lacking(target)}",
            hint="build on the target's architecture and Python (CodeBuild does), or leave `smoke` out",
        )
    places = _Places(scratch / "task", scratch / "opt")
    try:
        _lay_out(package, layers, kind, places)
        for module in modules:
            _import(module, python, places, target, timeout_seconds)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _lay_out(package: Path, layers: Sequence[Path], kind: str, places: _Places) -> None:
    for place in (places.task, places.opt):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    for layer in layers:
        _unpack(layer, places.opt)
    _unpack(package, places.opt if kind == "layer" else places.task)


def _unpack(package: Path, place: Path) -> None:
    try:
        with zipfile.ZipFile(package) as archive:
            for info, name in _files(package, archive):
                path = place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as content, path.open("wb") as file:
                    shutil.copyfileobj(content, file, 1024 * 1024)
                path.chmod(0o755 if info.external_attr >> 16 & 0o111 else 0o644)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise BuildFailed(f"`{package.name}` cannot be unpacked", detail=str(error)) from None
    except OSError as error:
        raise MachineryError(
            f"cannot unpack `{package.name}`", detail=str(error), hint="free some disk space"
        ) from error


def _files(package: Path, archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    for info in archive.infolist():
        name = PurePosixPath(info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if name.is_absolute() or ".." in name.parts or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BuildFailed(
                f"`{package.name}` has an entry that is not safe: {info.filename[:200]!a}",
                detail="expected: files inside",
                hint="inspect the package",
            )
        if not info.is_dir():
            yield info, name


def _import(module: str, python: Path, places: _Places, target: Target, timeout_seconds: float) -> None:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LD_LIBRARY_PATH": places.libraries(),
        "LAMBDA_TASK_ROOT": str(places.task),
    }
    mark = secrets.token_hex(16)
    search_path = "\n".join(places.search_path(target.python_version))
    try:
        process = subprocess.Popen(
            [python, "-I", "-S", "-B", "-X", "faulthandler", "-c", _PROGRAM, search_path, module, mark],
            cwd=places.task,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise MachineryError(f"cannot start `{python.name}`", detail=str(error)) from error
    with process:
        try:
            said, _ = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise _failed(module, target, f"it did not end within {timeout_seconds:.0f} seconds", b"") from None
        finally:
            _kill(process)
    if process.returncode or not said.endswith(mark.encode()):
        raise _failed(module, target, _ended(process.returncode), said)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _ended(code: int) -> str:
    if code >= 0:
        return "" if code == 1 else f"it ended the process with {code} before it was imported"
    try:
        return f"it was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was killed by signal {-code}"


def _failed(module: str, target: Target, ended: str, said: bytes) -> BuildFailed:
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1].strip() if lines and not ended else ""
    return BuildFailed(
        f"`import {module}` fails in the finished package ({target}): {ended or last or 'no message'}",
        detail="\n".join(lines[-_SHOWN_LINES:]),
        hint=_hint(last),
    )


def _hint(last: str) -> str:
    if "ssl backend" in last:
        return "set the variable that chooses the backend under `environment:`, such as `PYCURL_SSL_LIBRARY: openssl`"
    if "cannot open shared object file" in last:
        return "a library is loaded that is not in the package: bring it along, or use another distribution"
    if last.startswith(("ModuleNotFoundError", "ImportError")):
        return "check the name under `smoke`, and that the requirements bring everything that it imports"
    return "the lines above are its own"
