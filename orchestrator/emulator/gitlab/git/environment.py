"""The environment in which the emulator runs git: nothing of the machine's or user's configuration counts."""

from __future__ import annotations

import os
from pathlib import Path

_KEPT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")

# An empty list of credential helpers, no hooks but ours, no prompt, and no check of who owns a directory:
# the repositories belong to whoever runs the emulator.
_SETTINGS = (
    ("credential.helper", ""),
    ("safe.directory", "*"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "main"),
)


def git_environment(home: Path, hooks: Path | None = None) -> dict[str, str]:
    """Return the whole environment of a git process; `home` is an empty private directory."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    settings = [*_SETTINGS, ("core.hooksPath", str(hooks) if hooks else os.devnull)]
    numbered: dict[str, str] = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings):
        numbered[f"GIT_CONFIG_KEY_{index}"] = key
        numbered[f"GIT_CONFIG_VALUE_{index}"] = value
    return {
        "PATH": os.defpath,
        **kept,
        **numbered,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "LC_ALL": "C.UTF-8",
    }
