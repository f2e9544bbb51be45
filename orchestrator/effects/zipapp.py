"""The zipapp that works inside the build: the same bytes on every machine, so its digest is known offline."""

from __future__ import annotations

from pathlib import Path

from orchestrator.effects.stable_zip import StableZip, stable_zip

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


def build_zipapp() -> StableZip:
    """Pack `orchestrator.packaging` and the modules that travel with it from the installed files."""
    files = {"__main__.py": _MAIN}
    for path in [*(_PACKAGE / name for name in _ALONE), *(_PACKAGE / "packaging").rglob("*")]:
        if path.suffix in _SUFFIXES and path.is_file():
            files[f"orchestrator/{path.relative_to(_PACKAGE).as_posix()}"] = path.read_bytes()
    return stable_zip(files)
