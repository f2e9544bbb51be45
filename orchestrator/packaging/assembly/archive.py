"""Writing the zip: the same files give the same bytes, whatever the directory, umask, time zone or file order."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import BuildFailed, MachineryError, Refused
from orchestrator.packaging.assembly.layout import Entry
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES

_UNIX = 3
_CHUNK_BYTES = 1024 * 1024
_LARGEST = 5


def write_zip(entries: Sequence[Entry], target: Path) -> None:
    """Write `entries` (sorted by name) to `target`, which appears only when it is whole.

    Names sorted, 1980-01-01, modes 644 and 755, zlib's default level (6), no directory entries. Raises
    BuildFailed over Lambda's limit, MachineryError on a full disk.
    """
    _check_size(entries)
    part = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in entries:
                _add(archive, entry)
        part.replace(target)
    except OSError as error:
        raise MachineryError("cannot write the package", detail=str(error), hint="choose a larger machine") from error
    finally:
        part.unlink(missing_ok=True)


def size_bytes(entry: Entry) -> int:
    """Return the size of the content."""
    return entry.path.stat().st_size if entry.path else len(entry.content)


def _add(archive: zipfile.ZipFile, entry: Entry) -> None:
    info = zipfile.ZipInfo(entry.name, (1980, 1, 1, 0, 0, 0))
    info.create_system = _UNIX
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (0o100755 if entry.executable else 0o100644) << 16
    info.file_size = size_bytes(entry)
    with archive.open(info, "w") as output:
        if not entry.path:
            output.write(entry.content)
            return
        with entry.path.open("rb") as source:
            shutil.copyfileobj(source, output, _CHUNK_BYTES)
    if info.file_size != size_bytes(entry):
        raise Refused(f"`{entry.name}` changed while it was packed")


def _check_size(entries: Sequence[Entry]) -> None:
    total = sum(size_bytes(entry) for entry in entries)
    if total <= UNZIPPED_LIMIT_BYTES:
        return
    folders: dict[str, int] = {}
    for entry in entries:
        parts = entry.name.removeprefix("python/").split("/")
        folders[parts[0]] = folders.get(parts[0], 0) + size_bytes(entry)
    largest = sorted(folders.items(), key=lambda item: (-item[1], item[0]))[:_LARGEST]
    raise BuildFailed(
        "the package is larger than Lambda takes",
        detail=f"observed: {total} bytes unzipped, expected: at most {UNZIPPED_LIMIT_BYTES}\nlargest: "
        + ", ".join(f"`{name}` {size}" for name, size in largest),
        hint="remove dependencies that the runtime has or that only tests need, or split off a layer",
    )
