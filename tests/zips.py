"""Zips made to measure, the way packages should be unless a test says otherwise."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

Content = bytes | str | tuple[bytes | str, int]


def make_zip(path: Path, files: Mapping[str, Content], *, create_system: int = 3) -> Path:
    """Write a zip; a content may come with its Unix mode (with type bits, or 644 without)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            text, mode = content if isinstance(content, tuple) else (content, 0o100644)
            info = zipfile.ZipInfo(name)
            info.create_system = create_system
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
            # `writestr` gives a mode of its own to entries that have none.
            info.external_attr = mode << 16
    return path
