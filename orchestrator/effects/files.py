"""Files of the work folder: written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError
from orchestrator.redaction import KNOWN

# What a person has to correct, and what may pass.
_WRONG = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}
_EXHAUSTED = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ETXTBSY}


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file so that a reader sees either the old content or the new.

    Raises `ConfigurationError` for a place where nothing can be written, `MachineryError` for a full disk.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a file as UTF-8, like `write_bytes`; raises `Refused` for a text that holds a secret of this process."""
    return write_bytes(path, KNOWN.refuse(text, f"`{path}`").encode("utf-8"))


def write_new(path: Path, text: str) -> Path:
    """Write a file that must not be there yet; `ConfigurationError` if it is, and nothing is left of half a file."""
    content = KNOWN.refuse(text, f"`{path}`").encode("utf-8")
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise unwritable(path, error) from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise unwritable(path, error) from error
    return path


def append_lines(path: Path, lines: Sequence[str]) -> Path:
    """Write lines behind those of a file, which stay as they are, with its own line ends; make the file if need be."""
    try:
        before = path.read_bytes() if path.exists() else b""
        end = b"\r\n" if b"\r\n" in before else b"\n"
        gap = end if before and not before.endswith(b"\n") else b""
        text = gap + b"".join(line.encode("utf-8") + end for line in lines)
        with path.open("ab") as file:
            file.write(text)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write data as JSON."""
    return write_text(path, json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")


def write_tree(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files of a tree; what else is in the folder stays."""
    return [write_text(folder / name, text) for name, text in sorted(files.items())]


def unwritable(path: Path, error: OSError) -> OrchestratorError:
    """Return the failure to raise when `path` could not be written."""
    what, detail = f"cannot write `{path}`", error.strerror or type(error).__name__
    if error.errno in _WRONG | {errno.ENOENT}:
        return ConfigurationError(what, detail=detail, hint="correct the permissions, or name another place")
    return MachineryError(what, detail=detail, hint="make room on the disk and run it again")


def _is_anywhere() -> bool:
    """Tell whether the working directory of this process is still there."""
    try:
        Path.cwd()
    except OSError:
        return False
    return True


@contextmanager
def file_errors() -> Iterator[None]:
    """Turn what the file system refuses inside into an `OrchestratorError`; a bug of ours stays what it is."""
    try:
        yield
    except OSError as error:
        failure = file_failure(error)
        if failure is None:
            raise
        raise failure from error


def file_failure(error: OSError) -> OrchestratorError | None:
    """Return the failure behind an error of the file system that nobody expected; None when it is a bug of ours."""
    if error.errno == errno.ENOENT and not _is_anywhere():
        return ConfigurationError(
            "the folder in which this runs is gone",
            detail="observed: it was removed or made anew while this terminal was in it",
            hint='`cd "$PWD"` goes to the one that has its name now; else go to another one',
        )
    what = f"cannot use `{error.filename}`" if error.filename else "a file cannot be read or written"
    if error.errno in _WRONG:
        return ConfigurationError(what, detail=str(error.strerror), hint="correct the path or its permissions")
    if error.errno in _EXHAUSTED:
        return MachineryError(what, detail=str(error.strerror), hint="make room on this machine and run it again")
    return None
