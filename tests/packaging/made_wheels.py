"""Wheels for tests: good ones, and ones that a careful program must not take."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.packaging.wheels.model import Wheel

Member = tuple[zipfile.ZipInfo, bytes]


def member(name: str, content: bytes = b"", mode: int = 0o100644, method: int = zipfile.ZIP_DEFLATED) -> Member:
    """Return a member with a time stamp and the given mode."""
    info = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
    info.create_system, info.external_attr, info.compress_type = 3, mode << 16, method
    return info, content


def wheel(
    folder: Path,
    name: str,
    files: Mapping[str, bytes] | Sequence[Member],
    *,
    version: str = "1.0",
    record: str | None = None,
    metadata: Mapping[str, bytes | None] | None = None,
) -> Wheel:
    """Write a wheel; `record` and `metadata` (None leaves the file out) replace what a correct one would have."""
    if isinstance(files, Mapping):
        files = [member(path, content) for path, content in files.items()]
    members = list(files)
    info = f"{name}-{version}.dist-info"
    extra: dict[str, bytes | None] = {
        "WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\n",
        "METADATA": b"Name: x\n",
    }
    extra |= metadata or {}
    members += [member(f"{info}/{path}", content) for path, content in extra.items() if content is not None]
    rows = "".join(
        f"{item.filename},sha256=x,{len(content)}\n" for item, content in members if item.filename[-1] != "/"
    )
    if not (metadata and "RECORD" in metadata):
        text = f"{rows}{info}/RECORD,,\n" if record is None else record
        members.append(member(f"{info}/RECORD", text.encode()))
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # of duplicate names
        for item, content in members:
            archive.writestr(item, content)
    return Wheel(name, version, path, hashlib.sha256(path.read_bytes()).hexdigest())
