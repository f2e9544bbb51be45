"""Files on disk: whole or not at all, and their digests."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError

_CHUNK_BYTES = 1024 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def write_whole(target: Path, content: bytes) -> None:
    """Write `content` so that `target` is either absent, old, or complete.

    Raises MachineryError on a full disk, ConfigurationError where nothing can be written.
    """
    # Two processes may write the same file at once.
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise unwritable(target, error) from error


def unwritable(target: Path, error: OSError) -> OrchestratorError:
    """Return what to say of a file that cannot be written: a full disk may have room later, a wrong place never."""
    what, detail = f"cannot write `{target.name}`", f"{error.strerror or error}: {target.parent}"
    if error.errno in _FULL:
        return MachineryError(what, detail=detail, hint="free some disk space")
    return ConfigurationError(what, detail=detail, hint="choose a place that can be written to")


def sha256_of(path: Path) -> bytes:
    """Return the sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.digest()
