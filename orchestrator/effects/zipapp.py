"""The zipapp that works inside the build: the same bytes on every machine, so its digest is known offline."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_ALONE = (
    *("__init__.py", "aws_calls.py", "errors.py", "gitlab_trigger.py", "patience.py", "redacted_stream.py"),
    "redaction.py",
)
_SUFFIXES = {".py", ".lock", ".in", ".json"}
_MAIN = b'''"""Runs one phase of a build; the directory of this file is private to the build."""

import sys
from pathlib import Path

from orchestrator.packaging.inside.entry import main

raise SystemExit(main(sys.argv[1:], Path(sys.path[0]).resolve().parent))
'''


@dataclass(frozen=True)
class Zipapp:
    """A zipapp and its sha256 in hex."""

    content: bytes
    sha256: str


def build_zipapp() -> Zipapp:
    """Pack `orchestrator.packaging` and the modules that travel with it from the installed files.

    Sorted names, one fixed time, nothing compressed: the bytes depend on the sources alone.
    """
    files = {"__main__.py": _MAIN}
    for path in [*(_PACKAGE / name for name in _ALONE), *(_PACKAGE / "packaging").rglob("*")]:
        if path.suffix in _SUFFIXES and path.is_file():
            files[f"orchestrator/{path.relative_to(_PACKAGE).as_posix()}"] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, files[name])
    content = buffer.getvalue()
    return Zipapp(content, hashlib.sha256(content).hexdigest())
