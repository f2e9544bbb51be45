"""What a minute of a machine costs, where that is known: the built-in table, and what the user has written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

# What AWS's price list calls the machines of an environment type (CodeBuild API: EnvironmentType). Machines of fleets
# are paid by the fleet, so `ARM_EC2`, `LINUX_EC2` and `MAC_ARM` have no price of their own.
_FAMILIES = {
    "ARM_CONTAINER": "arm1",
    "LINUX_CONTAINER": "general1",
    "LINUX_GPU_CONTAINER": "gpu1",
    "ARM_LAMBDA_CONTAINER": "lambda.arm",
    "LINUX_LAMBDA_CONTAINER": "lambda.x86",
}
_ON_X86 = {"arm1": "general1", "lambda.arm": "lambda.x86"}
_PREFIXES = ("BUILD_GENERAL1_", "BUILD_LAMBDA_")


@dataclass(frozen=True)
class Price:
    """US dollars for a minute on a machine (`arm1.small`), and the month they are of; empty for the user's own."""

    machine: str
    per_minute: Decimal
    as_of: str


@dataclass(frozen=True)
class Prices:
    """The prices of one region. `own` are those that `prices:` of orchestrator.yml gives, which come first."""

    region: str
    own: Mapping[str, Decimal] = field(default_factory=dict)

    def of(self, machine: str) -> Price | None:
        """Return the price of a machine by its name in the price list, None where it is not known."""
        if machine in self.own:
            return Price(machine, self.own[machine], "")
        known = _table()["per_minute"].get(self.region, {}).get(machine)
        return Price(machine, Decimal(known), as_of()) if known is not None else None


def as_of() -> str:
    """Return the month that the built-in table is of, as `YYYY-MM`."""
    return str(_table()["as_of"])


def machine_name(environment_type: str, compute_type: str) -> str:
    """Return what the price list calls a machine, such as `arm1.small` or `lambda.arm.2GB`; empty for one it lacks.

    Both arguments are CodeBuild's words: `ARM_CONTAINER` and `BUILD_GENERAL1_SMALL`.
    """
    family = _FAMILIES.get(environment_type)
    prefix = next((one for one in _PREFIXES if compute_type.startswith(one)), None)
    if family is None or prefix is None or family.startswith("lambda.") != (prefix == "BUILD_LAMBDA_"):
        return ""
    size = compute_type.removeprefix(prefix)
    return f"{family}.{size if size.endswith('GB') else size.lower()}"


def on_x86(machine: str) -> str:
    """Return the machine of the same size with an x86 processor, empty for one that has no such twin."""
    family, _, size = machine.rpartition(".")
    return f"{_ON_X86[family]}.{size}" if family in _ON_X86 else ""


@lru_cache(maxsize=1)
def _table() -> Any:
    return json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"))
