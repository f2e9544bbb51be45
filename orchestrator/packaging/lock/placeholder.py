"""Telling a wheel with nothing in it, such as one that only reserves a name, from one that works."""

from __future__ import annotations

import io
import zipfile

from orchestrator.packaging.lock.index import IndexFile
from orchestrator.packaging.lock.web import Web

# Reserving a name takes a few hundred bytes; nobody has to download large wheels to see that they are full.
_LARGEST_BYTES = 64 * 1024
_MODULES = (".py", ".pyi", ".so", ".pyd")


def is_placeholder(wheel: IndexFile, web: Web) -> bool:
    """Tell whether a wheel holds no code. Raises MachineryError if it cannot be had."""
    if wheel.size_bytes is not None and wheel.size_bytes > _LARGEST_BYTES:
        return False
    page = web.page(wheel.url, {}, 256 * 1024 * 1024)
    return page.status == 200 and holds_no_code(page.body)


def holds_no_code(wheel: bytes) -> bool:
    """Tell whether all modules of a wheel are empty; a broken zip is not called a placeholder."""
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            files = archive.infolist()
    except zipfile.BadZipFile:
        return False
    return not any(
        file.file_size and file.filename.endswith(_MODULES) for file in files if ".dist-info/" not in file.filename
    )
