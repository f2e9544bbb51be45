"""What `dismantle` and `undeploy` share: nothing goes unseen or unasked, and what stays is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click

from orchestrator.cli.screen import narrate
from orchestrator.errors import ConfigurationError, Superseded

# Terraform deletes no state, and neither do we: its versions say what was there, and another job may hold its lock.
STATE_STAYS = "the state stays, empty, with its history"


def asking(question: str, *, yes: bool, again: str) -> Callable[[Sequence[str]], None]:
    """Return what shows a plan and wants a yes; with `yes` it shows only. `again` is the command that does not ask.

    Raises `ConfigurationError` where nobody can answer, and `Superseded` for a no.
    """

    def agree(changes: Sequence[str]) -> None:
        for line in changes:
            narrate(line)
        if yes:
            return
        if sys.stdin is None or not sys.stdin.isatty():
            raise ConfigurationError(
                "nobody is here to ask",
                detail="observed: standard input is no terminal\nexpected: an answer whether all of this shall go",
                hint=f"`{again}`, once somebody has read it",
            )
        if not click.confirm(question, default=False, err=True):
            raise Superseded("nothing was taken away", detail="observed: the answer was no")

    return agree
