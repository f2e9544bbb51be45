"""The options of every command that waits for builds."""

from __future__ import annotations

from pathlib import Path

import click

timeout_option = click.option(
    "--timeout-minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Wait no longer than this; the builds go on. [default: as long as they may take]",
)
output_option = click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for package.zip and its documents, one folder below it for each of several packages. "
    "[default: the folder of the configuration]",
)
