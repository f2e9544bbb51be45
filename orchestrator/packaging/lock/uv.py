"""Calling uv for one target."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.packaging.process import Result, clean_environment, run
from orchestrator.packaging.runtimes import Target

# `uv pip compile --help`, --python-platform. There is no 2_26, so Amazon Linux 2 takes a lower level.
_LEVELS = ((2, 17), (2, 28), *((2, minor) for minor in range(31, 41)))


@dataclass(frozen=True)
class Uv:
    """The pinned uv for one target.

    `directory` is private to this target: uv runs in it, and what it reads is written there. `cache` holds
    uv's own cache and the downloaded files. `environment` is the package's, for what uv has to ask of build
    scripts.
    """

    program: Path
    directory: Path
    cache: Path
    target: Target
    environment: Mapping[str, str]

    def __call__(self, *arguments: str | Path, directory: Path | None = None, for_target: bool = True) -> Result:
        """Run uv; `for_target` makes it see the target's platform. Without, no Python is looked for at all."""
        platform = (
            *("--python-platform", uv_platform(self.target), "--python-version", self.target.python_version),
            *("--python", sys.executable),
        )
        extra = {"UV_NO_CONFIG": "1", "SOURCE_DATE_EPOCH": "315532800", "NO_COLOR": "1", **self.environment}
        environment = {**clean_environment(extra), "UV_CACHE_DIR": str(self.own_cache)}
        self.directory.mkdir(parents=True, exist_ok=True)
        return run(
            [
                self.program,
                *arguments,
                *(platform if for_target else ()),
                *("--no-python-downloads", "--no-progress", "--quiet"),
            ],
            environment=environment,
            directory=directory or self.directory,
        )

    @property
    def own_cache(self) -> Path:
        """Where uv has its cache: where the package or the user's `UV_CACHE_DIR` says, or in ours."""
        named = self.environment.get("UV_CACHE_DIR") or os.environ.get("UV_CACHE_DIR")
        return Path(named) if named else self.cache / "uv"


def uv_platform(target: Target) -> str:
    """Return the platform as uv spells it: the newest manylinux level that uv knows and the runtime can load."""
    level = max(level for level in _LEVELS if level <= target.runtime.glibc)
    return f"{target.machine}-manylinux_{level[0]}_{level[1]}"
