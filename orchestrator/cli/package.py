"""`package`: make, plan and inspect packages on this machine, with no configuration file and no account."""

from __future__ import annotations

import click

from orchestrator.cli.lazy import LazyGroup

_COMMANDS = {
    "build": ("orchestrator.cli.package_build", "Make a package for a target, inspected, with its documents."),
    "plan": ("orchestrator.cli.package_plan", "Say for every dependency and target: wheel, compile, or impossible."),
    "inspect": ("orchestrator.cli.package_inspect", "Say what in a zip cannot run on its target, and why."),
}


@click.group(
    cls=LazyGroup,
    modules=_COMMANDS,
    epilog="Example: orchestrator package inspect parser.zip --architecture arm64 --runtime python3.12",
)
def package() -> None:
    """Make, plan and inspect packages on this machine. Needs no configuration file and no account."""
