"""Where the state of an environment lies: beside that of prebuild, under a name of its own."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from orchestrator.plan.model import StatePlan
from orchestrator.vocabulary import StateBackend

_ENVIRONMENT = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


def is_environment(name: str) -> bool:
    """Tell whether this names an environment: it becomes a Lambda alias, and a part of names and keys."""
    return _ENVIRONMENT.fullmatch(name) is not None


def state_of(state: StatePlan, environment: str) -> StatePlan:
    """Return the state of an environment; a local one is named as prebuild's, from where that is."""
    settings = dict(state.settings)
    if state.backend is StateBackend.S3:
        settings["key"] = _beside(str(settings["key"]), environment)
    elif state.backend is StateBackend.LOCAL:
        settings["path"] = _beside(str(settings["path"]), environment)
    else:
        whole = str(settings["address"])
        settings = {
            name: f"{whole}-{environment}{text.removeprefix(whole)}" if isinstance(text, str) and "/" in text else text
            for name, text in settings.items()
        }
    return replace(state, settings=settings)


def _beside(path: str, environment: str) -> str:
    known = PurePosixPath(path)
    return str(known.with_name(f"{known.stem}-{environment}{known.suffix}"))
