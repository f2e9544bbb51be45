"""Files on disk: whole or not at all, and their digests."""

from __future__ import annotations

import hashlib
from pathlib import Path

from orchestrator.errors import MachineryError

_CHUNK_BYTES = 1024 * 1024


def write_whole(target: Path, content: bytes) -> None:
    """Write `content` so that `target` is either absent, old, or complete; raises MachineryError on a full disk."""
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MachineryError(f"cannot write `{target}`", detail=str(error), hint="free some disk space") from error


def sha256_of(path: Path) -> bytes:
    """Return the sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.digest()
