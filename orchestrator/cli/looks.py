"""How wide standard output is, and whether it takes colours."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.cli.project import Project
    from orchestrator.config.model import Configuration
    from orchestrator.costs.prices import Prices
    from orchestrator.render.builds_table import Shelf
    from orchestrator.render.sections import Paint


def at_terminal() -> bool:
    """Tell whether a person sees standard output as it is written."""
    return sys.stdout is not None and sys.stdout.isatty()


def width() -> int | None:
    """Return the columns of the terminal, None where standard output is none: then nothing is cut off."""
    return shutil.get_terminal_size().columns if at_terminal() else None


def paint(environment: Mapping[str, str] = os.environ) -> Paint:
    """Return the colours: none without a terminal, on one that has none, and with NO_COLOR (https://no-color.org)."""
    from orchestrator.render.sections import Paint

    return Paint(at_terminal() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb")


def prices(configuration: Configuration) -> Prices:
    """Return the prices of the configuration's region, its own before those of the built-in table."""
    from decimal import Decimal

    from orchestrator.costs.prices import Prices

    own = {name: Decimal(str(price.per_minute)) for name, price in configuration.prices.items()}
    return Prices(configuration.region, own)


def shelf(project: Project) -> Shelf:
    """Return what turns records of builds into rows, as of now."""
    from datetime import datetime, timezone

    from orchestrator.render.builds_table import Shelf

    return Shelf(project.plan.by_codebuild_project(), prices(project.configuration), datetime.now(timezone.utc))


def bar() -> str:
    """Return the character that bars are drawn with: a block, where standard output can show one."""
    try:
        "█".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"
