"""`init`: a short orchestrator.yml from what a repository holds, and what its .gitignore lacks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from orchestrator.cli.project import config_option
from orchestrator.cli.screen import narrate, print_data, print_document
from orchestrator.errors import ConfigurationError


@click.command(epilog="Example: orchestrator init --yes && orchestrator plan")
@config_option
@click.option("--yes", is_flag=True, help="Ask nothing: take what is likely, and fail where nothing is.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written, and why, as JSON.")
def init(config: Path, *, yes: bool, as_json: bool) -> None:
    """Write a short orchestrator.yml from what this repository holds. Needs no network and no credentials.

    Nothing is overwritten. Every line that it writes is explained. `.gitignore` gets the lines that it lacks, so that
    no commit takes what commands leave behind.
    """
    from orchestrator.config.load import parse
    from orchestrator.discovery.compose import PACKAGES_FOLDER, configuration_text, missing_ignores, reasons
    from orchestrator.discovery.discover import discover
    from orchestrator.discovery.origin import origin_of
    from orchestrator.effects.files import append_lines, write_new
    from orchestrator.effects.git import GitCheckout
    from orchestrator.effects.profile import profile_region
    from orchestrator.effects.source_tree import read_tree

    _check_absent(config)
    folder = config.absolute().parent
    tree = read_tree(folder)
    address = GitCheckout(folder, os.environ).remote_address()
    asking = None if yes or not sys.stdin or not sys.stdin.isatty() else _ask
    found = discover(tree, origin_of(address) if address else None, os.environ, profile_region(), asking)
    text = configuration_text(found)
    parse(text, str(config), os.environ)  # what plan would refuse is not written
    why = list(reasons(found))
    for line in why:
        narrate(line)
    lines = missing_ignores(
        tree.files.get(".gitignore"), own_lock="pylock.toml" in tree.files, own_dist=(folder / PACKAGES_FOLDER).exists()
    )
    ignore = folder / ".gitignore"
    # What is no plain text of this folder, a link say, was not read: nobody knows what it has.
    ours = ".gitignore" in tree.files or not (ignore.exists() or ignore.is_symlink())
    # First, so that a run that dies in between is simply run again.
    if lines and ours:
        append_lines(ignore, lines)
    write_new(config, text)
    if as_json:
        print_document({"configuration": str(config), "reasons": why, "gitignore": list(lines)})
    else:
        print_data(str(config))
    if lines:
        narrate(f"{'added to' if ours else 'for'} .gitignore: {' '.join(lines)}")
    narrate("next: orchestrator plan")


def _check_absent(config: Path) -> None:
    if config.exists() or config.is_symlink():
        raise ConfigurationError(
            f"`{config}` is there already",
            detail="observed: a file of this name\nexpected: none, because init overwrites nothing",
            hint=f"`orchestrator plan --config {config}` shows what it says; to begin anew, move it away",
        )


def _ask(question: str, answers: tuple[str, ...], proposed: str) -> str:
    kind = click.Choice(answers) if answers else None
    return str(click.prompt(question, type=kind, default=proposed, err=True))
