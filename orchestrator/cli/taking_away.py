"""What the commands that take something away share: nothing goes unseen or unasked, and what stays is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from orchestrator.cli.screen import narrate
from orchestrator.errors import ConfigurationError, Superseded

if TYPE_CHECKING:
    from orchestrator.stages.leftover import Packages

_Command = TypeVar("_Command", bound=Callable[..., object])
# Terraform deletes no state, and neither do we: its versions say what was there, and another job may hold its lock.
STATE_STAYS = "the state stays, empty, with its history"


def artifacts_options(command: _Command) -> _Command:
    """Add `keep` and `delete`: what becomes of packages that are still stored."""
    keep = click.option("--keep-artifacts", "keep", is_flag=True, help="Leave a bucket that is not empty, and its key.")
    delete = click.option("--delete-artifacts", "delete", is_flag=True, help="Delete every package, for good.")
    return keep(delete(command))


def said_of_packages(*, keep: bool, delete: bool) -> Packages:
    """Return what these options say. Raises `click.UsageError` for both."""
    from orchestrator.stages.leftover import Packages

    if keep and delete:
        raise click.UsageError("`--keep-artifacts` and `--delete-artifacts` say the opposite of each other")
    return Packages.KEEP if keep else Packages.DELETE if delete else Packages.ASK


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
