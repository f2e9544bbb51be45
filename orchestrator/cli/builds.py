"""`builds`: what runs and what ran, as a table; `--watch` keeps it up to date."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import looks
from orchestrator.cli.completion import complete_packages
from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import narrate, print_data, print_document
from orchestrator.vocabulary import BuildStatus

if TYPE_CHECKING:
    from orchestrator.cli.builds_live import Board
    from orchestrator.records import BuildRecord
    from orchestrator.stages.listing import Listing, Wanted

# How long a round of watching is: after it, builds that were started meanwhile are looked for.
_ROUND_SECONDS = 20.0


@click.command(epilog="Example: orchestrator builds --package parser --status FAILED --since 24")
@config_option
@click.option(
    "--package",
    "packages",
    multiple=True,
    shell_complete=complete_packages,
    help="Only builds of this package; may be repeated.",
)
@click.option("--ref", "refs", multiple=True, help="Only builds for this branch or tag; may be repeated.")
@click.option("--commit", "commits", multiple=True, help="Only builds of this commit, whole or its beginning.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([str(status) for status in BuildStatus], case_sensitive=False),
    help="Only builds with this status; may be repeated.",
)
@click.option("--since", "hours", type=click.IntRange(1, 8760), help="Only builds of the last so many hours.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many builds.")
@click.option("--watch", "watched", is_flag=True, help="Keep the table up to date until no build runs any more.")
@click.option("--json", "as_json", is_flag=True, help="Print the builds as JSON.")
def builds(
    config: Path,
    *,
    packages: tuple[str, ...],
    refs: tuple[str, ...],
    commits: tuple[str, ...],
    statuses: tuple[str, ...],
    hours: int | None,
    limit: int,
    watched: bool,
    as_json: bool,
) -> None:
    """List the builds of this configuration, the newest first.

    On a narrow terminal columns are left out, first `target`, then `cost`, `commit`, `duration`, `phase`, `ref`. The
    cost is an estimate; without a known price there is none.
    """
    if watched and as_json:
        raise click.UsageError("`--watch` shows a table, `--json` prints one document: choose one of them")
    from orchestrator.stages.listing import Wanted

    project = load_project(config, os.environ)
    asked = tuple(commit.lower() for commit in commits)
    wanted = Wanted(packages, refs, asked, tuple(status.upper() for status in statuses), hours, limit)
    listing = _listed(project, wanted)
    if watched:
        _watch(project, wanted, listing)
    elif as_json:
        _print_json(project, listing)
    else:
        _print_table(project, listing)


def _listed(project: Project, wanted: Wanted) -> Listing:
    from orchestrator.cli import wire
    from orchestrator.stages.listing import list_builds

    return list_builds(project.plan, wanted, wire.codebuild(project), datetime.now(timezone.utc))


def _print_json(project: Project, listing: Listing) -> None:
    from orchestrator.costs.prices import as_of
    from orchestrator.render.listing_json import build_json

    shelf = looks.shelf(project)
    found = [build_json(one, shelf) for one in listing.builds]
    print_document({"builds": found, "searched": listing.searched or None, "prices_as_of": as_of()})


def _print_table(project: Project, listing: Listing) -> None:
    if listing.builds:
        print_data(_table(project, listing.builds))
    _narrate_rest(project, listing)


def _table(project: Project, records: Sequence[BuildRecord]) -> str:
    from orchestrator.render.builds_table import builds_table

    return builds_table(records, looks.shelf(project), width=looks.width(), paint=looks.paint())


def _narrate_rest(project: Project, listing: Listing) -> None:
    """Say what the table does not: that nothing was found, how far was searched, and what the costs are."""
    from orchestrator.costs.estimate import estimate
    from orchestrator.costs.prices import as_of

    if not listing.builds:
        narrate("no build was found")
    if listing.searched:
        narrate(f"looked at the newest {listing.searched} builds of each package")
    shelf = looks.shelf(project)
    found = [estimate(one, shelf.prices, shelf.now) for one in listing.builds]
    if any(one and one.price.as_of for one in found):
        narrate(f"costs are estimates with prices of {as_of()}; `prices` in orchestrator.yml replaces them")


def _watch(project: Project, wanted: Wanted, listing: Listing) -> None:
    """Show the builds until none of them runs; Ctrl-C is how a person leaves, and changes nothing."""
    from orchestrator.cli.builds_live import LinesBoard, ScreenBoard

    board: Board
    if looks.at_terminal():
        board = ScreenBoard(lambda records: _table(project, records))
    else:
        board = LinesBoard(project.plan.by_codebuild_project())
    try:
        with board:
            _keep_up_to_date(project, wanted, listing, board)
    except KeyboardInterrupt:
        narrate("no longer watched; the builds go on")
    _narrate_rest(project, replace(listing, builds=board.records))


def _keep_up_to_date(project: Project, wanted: Wanted, listing: Listing, board: Board) -> None:
    from orchestrator.cli import wire
    from orchestrator.stages.listing import running
    from orchestrator.watching.model import Changed, Ended, Trouble
    from orchestrator.watching.watch import watch

    board.show(listing.builds)
    while ids := running(board.records):
        with watch(ids, wire.watch_world(project), logs=False, deadline_seconds=_ROUND_SECONDS) as watched:
            for seen in watched:
                if isinstance(seen, (Changed, Ended)):
                    board.update(seen.record)
                elif isinstance(seen, Trouble):
                    board.say(seen.what)
        board.show(_listed(project, wanted).builds)
