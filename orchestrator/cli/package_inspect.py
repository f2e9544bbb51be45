"""`package inspect`: what in a zip cannot run on its target, whoever made the zip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.cli.package_options import (
    allow_option,
    allowances,
    architecture_option,
    runtime_option,
    table_option,
    target,
)
from orchestrator.cli.screen import narrate, print_data
from orchestrator.packaging.files import write_whole
from orchestrator.packaging.inspection.inspect import inspect as inspect_zip
from orchestrator.packaging.inspection.reports.subject import Inspected
from orchestrator.redaction import KNOWN

_FORMATS = ("text", "json", "junit", "codequality")
_REFUSED = 5
_ZIP = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog="Example: orchestrator package inspect dist/parser.zip --architecture arm64 --runtime python3.12")
@click.argument("file", type=_ZIP)
@architecture_option
@runtime_option
@click.option("--layer", "layers", type=_ZIP, multiple=True, help="A layer of the same function, in their order.")
@allow_option
@table_option
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True, help="How to report.")
@click.option("--json", "as_json", is_flag=True, help="The same as `--format json`.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file.")
def inspect(
    file: Path,
    architecture: str,
    runtime: str,
    layers: Sequence[Path],
    allow: Sequence[str],
    table: Path | None,
    form: str,
    output: Path | None,
    *,
    as_json: bool,
) -> int:
    """Inspect a finished zip: every file in it, against what the runtime has.

    Ends with 5 if anything in it cannot run there. Needs no network and runs nothing of the zip.
    """
    goal = target(architecture, runtime, table)
    inspection = inspect_zip(file, goal, layers=layers, allowed=allowances(allow))
    names = tuple(layer.as_posix() for layer in layers)
    report = _report("json" if as_json else form, Inspected(_relative(file), names, goal, inspection))
    if output is None:
        print_data(report)
    else:
        write_whole(output, KNOWN.cleaned(report).encode("utf-8", "backslashreplace"))
        narrate(
            f"{len(inspection.errors)} errors, {len(inspection.findings) - len(inspection.errors)} warnings: {output}"
        )
    return _REFUSED if inspection.errors else 0


def _report(form: str, inspected: Inspected) -> str:
    """Return the report; text is for terminals, so nothing in the zip may steer them."""
    if form == "json":
        from orchestrator.packaging.inspection.reports.document import as_json

        return as_json(inspected)
    if form == "junit":
        from orchestrator.packaging.inspection.reports.junit import as_junit

        return as_junit(inspected)
    if form == "codequality":
        from orchestrator.packaging.inspection.reports.codequality import as_code_quality

        return as_code_quality(inspected)
    from orchestrator.packaging.inspection.reports.text import as_text
    from orchestrator.render.terminal import printable

    return printable(as_text(inspected))


def _relative(path: Path) -> str:
    """Return the path as GitLab wants it, relative to where the job runs, if it is below that."""
    relative = os.path.relpath(path)
    return Path(path if relative.startswith("..") else relative).as_posix()
