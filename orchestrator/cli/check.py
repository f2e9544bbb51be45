"""`check`: what cannot work, found before anything is applied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import click

from orchestrator.cli.project import config_option
from orchestrator.cli.screen import print_data, print_json
from orchestrator.config.check import check as find_broken
from orchestrator.config.load import load
from orchestrator.config.model import Configuration
from orchestrator.config.rules import RULES
from orchestrator.findings import Finding, exit_code
from orchestrator.render.findings import findings_text


@click.command(epilog="Example: orchestrator check --json | jq .findings")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config: Path, *, as_json: bool) -> int:
    """Find what can be read and still cannot work: machines, images, caches, networks, runtimes.

    Needs no network and no credentials. Ends with 2 if there is an error.
    """
    return show(checked(load(config, os.environ)), as_json=as_json)


def checked(configuration: Configuration) -> list[Finding]:
    """Return what `check` finds today."""
    return find_broken(configuration, RULES, datetime.now(timezone.utc).date())


def show(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print findings, and return the exit code that they mean."""
    if as_json:
        print_json({"findings": [finding.as_json() for finding in findings]})
    else:
        print_data(findings_text(findings))
    return exit_code(findings)
