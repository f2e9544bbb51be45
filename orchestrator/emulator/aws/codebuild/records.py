"""Keep projects and builds as one JSON file each, written so that a crash never leaves half a file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def save(path: Path, record: Mapping[str, Any]) -> None:
    """Replace the file at `path` by `record` in one step (temporary file, then rename), mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(record, stream)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_all(directory: Path, pattern: str) -> Iterator[tuple[Path, Record]]:
    """Yield path and content of every record file in `directory` that matches the glob `pattern`."""
    for path in sorted(directory.glob(pattern)):
        yield path, json.loads(path.read_text(encoding="utf-8"))
