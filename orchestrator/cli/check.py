"""`check`: what cannot work, found before anything is applied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.project import config_option
from orchestrator.cli.screen import print_data, print_document
from orchestrator.findings import Finding, exit_code
from orchestrator.render.findings import findings_text

if TYPE_CHECKING:
    from orchestrator.config.model import Configuration


@click.command(epilog="Example: orchestrator check --json | jq .findings")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config: Path, *, as_json: bool) -> int:
    """Find what can be read and still cannot work: machines, images, caches, networks, runtimes.

    Needs no network and no credentials. Ends with 2 if there is an error.
    """
    from orchestrator.config.load import load

    return show(checked(load(config, os.environ)), as_json=as_json)


def checked(configuration: Configuration) -> list[Finding]:
    """Return what `check` finds today."""
    from orchestrator.config.check import check as find_broken
    from orchestrator.config.rules import RULES

    return find_broken(configuration, RULES, datetime.now(timezone.utc).date())


def show(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print findings, and return the exit code that they mean."""
    if as_json:
        print_document({"findings": [finding.as_json() for finding in findings]})
    else:
        print_data(findings_text(findings))
    return exit_code(findings)
