"""What a report is about: the zip, its layers and its target."""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.packaging.inspection.model import Inspection
from orchestrator.packaging.runtimes import Target


class Inspected(NamedTuple):
    """An inspection and its circumstances; `package` and `layers` are paths as the user wrote them."""

    package: str
    layers: tuple[str, ...]
    target: Target
    inspection: Inspection
