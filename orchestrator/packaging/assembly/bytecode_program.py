"""Compiles Python files for whoever started it. Runs alone, in the Python of the target: 3.8 or newer, nothing of ours.

Reads from standard input two big-endian 32-bit lengths, the path that the file has in Lambda and its source; writes to
standard output one byte, a length, and the `.pyc` (byte 1) or why there is none (byte 0); and so on until the input
ends. The first thing it writes is a JSON line: version and tag of this Python.

Every file is compiled in a process of its own, all of which begin the same: what `marshal` writes depends on what else
is alive in the process, so files compiled one after the other would depend on their order.
"""

from __future__ import annotations

import sys

# The current directory has no business here; only then are modules imported.
sys.path = [path for path in sys.path if path]

import importlib.util  # noqa: E402
import json  # noqa: E402
import marshal  # noqa: E402
import os  # noqa: E402
import struct  # noqa: E402

_UNCHECKED_HASH = 0b01  # PEP 552: by the hash of the source, which is never looked at


def main() -> None:
    """Answer until the input ends."""
    about = {"version": ".".join(map(str, sys.version_info[:3])), "tag": sys.implementation.cache_tag}
    _write(json.dumps(about).encode() + b"\n")
    while len(lengths := sys.stdin.buffer.read(8)) == 8:
        path, source = (sys.stdin.buffer.read(length) for length in struct.unpack(">II", lengths))
        child = os.fork()
        if child == 0:
            _answer(path.decode(), source)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(f"compiling {path.decode()!a} ended without an answer")


def _answer(path: str, source: bytes) -> None:
    try:
        content = _pyc(path, source)
        done = 1
    # Whatever the compiler says about a file, and there is much that it can say.
    except Exception as error:  # noqa: BLE001
        content, done = f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:500], 0
    _write(struct.pack(">BI", done, len(content)) + content)


def _pyc(path: str, source: bytes) -> bytes:
    """Return what `py_compile` writes for `PycInvalidationMode.UNCHECKED_HASH`."""
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + struct.pack("<I", _UNCHECKED_HASH) + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def _write(content: bytes) -> None:
    while content:
        content = content[os.write(1, content) :]


if __name__ == "__main__":
    main()
