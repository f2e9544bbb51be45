"""`demo`: the whole loop on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import click

from orchestrator.cli.extras import require_emulator
from orchestrator.cli.screen import print_document
from orchestrator.vocabulary import Architecture


@click.command(epilog="Example: orchestrator demo --architecture x86_64 --output /tmp/demo")
@click.option("--example", default="lxml-function", show_default=True, help="The example to send through the loop.")
@click.option(
    "--architecture",
    type=click.Choice([str(word) for word in Architecture]),
    help="Build for this architecture. [default: what the example says]",
)
@click.option("--runtime", help="Build for this runtime, such as python3.12. [default: what the example says]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("orchestrator-demo"),
    show_default=True,
    help="Folder for the package and the evidence.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def demo(example: str, architecture: str | None, runtime: str | None, output: Path, *, as_json: bool) -> None:
    """Push an example, and watch its packages come home verified. No account, no Docker, no secrets."""
    require_emulator()
    from orchestrator.demo.report import print_outcome
    from orchestrator.demo.run import Request, run
    from orchestrator.demo.view import Closing, Narration, open_view

    console = Narration(stderr=True)
    wanted = Request(example, Architecture(architecture) if architecture else None, runtime, output)
    with open_view(console) as view:
        outcome = run(wanted, os.environ, view)
    if as_json:
        print_document(outcome.as_json())
    else:
        print_outcome(outcome, Closing())
