"""Zips that travel to AWS: the same bytes on every machine, so that their digests are known offline."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StableZip:
    """A zip and its sha256 in hex."""

    content: bytes
    sha256: str


def stable_zip(files: Mapping[str, bytes]) -> StableZip:
    """Pack files under their names: sorted, with one fixed time, nothing compressed, so that nothing else counts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, files[name])
    content = buffer.getvalue()
    return StableZip(content, hashlib.sha256(content).hexdigest())
