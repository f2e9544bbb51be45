"""Files of the work folder: written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import MachineryError


def write_text(path: Path, text: str) -> Path:
    """Write a file so that a reader sees either the old content or the new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        part = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise MachineryError(
            f"cannot write `{path}`", detail=str(error.strerror), hint="make room or correct the permissions"
        ) from error
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write data as JSON."""
    return write_text(path, json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")


def write_tree(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files of a tree; what else is in the folder stays."""
    return [write_text(folder / name, text) for name, text in sorted(files.items())]
