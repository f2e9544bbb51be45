"""`advise`: says honestly when something else would be simpler."""

from __future__ import annotations

import os
from pathlib import Path

import click

from orchestrator.cli.check import show
from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import narrate


@click.command(epilog="Example: orchestrator advise --config services/parser/orchestrator.yml")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the advice as JSON.")
def advise(config: Path, *, as_json: bool) -> int:
    """Say what would be simpler than builds in CodeBuild, from the plan alone. Always ends with 0.

    Needs no network and no credentials.
    """
    from orchestrator.advice.advise import advise as find_simpler
    from orchestrator.advice.advise import reasons_to_stay

    plan = load_project(config, os.environ).plan
    for reason in reasons_to_stay(plan):
        narrate(f"what speaks for CodeBuild: {reason}")
    return show(find_simpler(plan), as_json=as_json)
