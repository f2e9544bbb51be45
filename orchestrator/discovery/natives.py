"""What dependencies that have to be compiled need: system packages, variables, a module to try.

`natives.json` says what a distribution looks for while it is compiled; which system package brings that is the
knowledge of `packaging/wheels/missing.json`. A distribution `from_source` has wheels, and needs all that only where a
requirement file wants it compiled.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from orchestrator.discovery.requirements import Asked
from orchestrator.packaging.wheels.explain import brought_by

# Of the build images that prebuild chooses, and of the images that people bring along.
MANAGERS = ("dnf", "apt-get")
_KINDS = ("headers", "libraries", "programs", "modules")


@dataclass(frozen=True)
class Natives:
    """What the natives of one package need together; `why` has one line for each of them."""

    system_packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    smoke: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


def natives(asked: Asked, python: str | None) -> Natives:
    """Return what the natives among the requirements need, for a Python such as `3.12`."""
    found = {name: row for name, row in sorted(_table().items()) if _is_compiled(name, row, asked)}
    packages = {
        manager: tuple(dict.fromkeys(package for row in found.values() for package in _packages(row, manager, python)))
        for manager in MANAGERS
    }
    return Natives(
        system_packages={manager: names for manager, names in packages.items() if names},
        environment={key: value for row in found.values() for key, value in row.get("environment", {}).items()},
        smoke=tuple(row["smoke"] for row in found.values()),
        why=tuple(f"`{name}` is compiled, and needs {_listed(row, python)}" for name, row in found.items()),
    )


def _is_compiled(name: str, row: Mapping[str, Any], asked: Asked) -> bool:
    return name in asked.names and (not row.get("from_source") or asked.compiled(name))


def _packages(row: Mapping[str, Any], manager: str, python: str | None) -> list[str]:
    wanted = [(kind, name) for kind in _KINDS for name in row.get(kind, ())]
    return [package for kind, name in wanted for package in brought_by(kind, name, manager, python or "3")]


def _listed(row: Mapping[str, Any], python: str | None) -> str:
    return ", ".join(f"`{package}`" for package in _packages(row, MANAGERS[0], python))


@cache
def _table() -> Any:
    content = pkgutil.get_data("orchestrator.discovery", "natives.json")
    assert content is not None  # noqa: S101 - it lies beside this module
    return json.loads(content)
