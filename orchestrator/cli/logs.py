"""`logs`: the log of one build, all of it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completion import complete_builds
from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import narrate, print_data, print_document
from orchestrator.errors import MachineryError
from orchestrator.redaction import KNOWN

if TYPE_CHECKING:
    from orchestrator.records import BuildRecord, LogLine
    from orchestrator.watching.model import Seen

# So many lines go out with one write.
_LINES = 500


@click.command(epilog="Example: orchestrator logs -f 0f1e2d3c")
@config_option
@click.argument("build", metavar="BUILD", shell_complete=complete_builds)
@click.option("-f", "--follow", is_flag=True, help="Go on until the build has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print all lines with their times as one JSON document.")
def logs(config: Path, build: str, *, follow: bool, as_json: bool) -> None:
    """Print the log of a BUILD; of one that runs, what is written so far.

    BUILD is an id, an ARN, a UUID, or at least 8 hex digits of its beginning. Of a build that has ended all of its log
    is read, from S3 if CloudWatch Logs has none. What is missing is named on standard error. Nothing in a log steers
    the terminal; a line that is longer than 4096 characters is shortened, which `--json` does not do.
    """
    from orchestrator.cli import wire
    from orchestrator.stages.which_build import find_build

    project = load_project(config, os.environ)
    record = find_build(project.plan, build, wire.codebuild(project))
    # Whatever ends the printing ends the watching, too.
    with closing(_seen(project, record, follow=follow)) as seen:
        if as_json:
            _print_json(record, seen)
        else:
            _print_lines(seen)


def _seen(project: Project, record: BuildRecord, *, follow: bool) -> Generator[Seen, None, None]:
    from orchestrator.cli import wire
    from orchestrator.stages.current_log import current_log
    from orchestrator.watching.model import Missed, Wrote
    from orchestrator.watching.watch import watch

    if record.complete or follow:
        with watch([record.id], wire.watch_world(project)) as watched:
            yield from watched
        return
    lines = current_log(record, wire.log_pages(project))
    found = False
    while batch := list(islice(lines, _LINES)):
        found = True
        yield Wrote(record.id, batch)
    if not found:
        yield Missed(record.id, "nothing is written yet")


def _print_lines(seen: Iterable[Seen]) -> None:
    from orchestrator.render.log_text import log_lines
    from orchestrator.watching.model import Wrote

    for item in seen:
        if isinstance(item, Wrote):
            lines = log_lines((line.text for line in item.lines), KNOWN.cleaned)
            while batch := list(islice(lines, _LINES)):
                print_data("\n".join(batch))
        else:
            _tell(item)


def _print_json(record: BuildRecord, seen: Iterable[Seen]) -> None:
    from orchestrator.watching.model import Ended, Missed, Wrote

    lines, missing = [], []
    for item in seen:
        if isinstance(item, Wrote):
            lines += [_line_json(line) for line in item.lines]
        elif isinstance(item, Missed):
            missing.append(item.why)
        elif isinstance(item, Ended):
            record = item.record
        else:
            _tell(item)
    print_document({"build_id": record.id, "status": record.status, "lines": lines, "missing": missing})


def _line_json(line: LogLine) -> dict[str, str | None]:
    from orchestrator.render.times import iso_time

    moment = datetime.fromtimestamp(line.moment / 1000, timezone.utc)
    return {"time": iso_time(moment), "text": line.text.removesuffix("\n")}


def _tell(item: Seen) -> None:
    """Say what is not a line of the log; raise for a build that cannot be watched any longer."""
    from orchestrator.watching.model import Lost, Missed, Trouble

    if isinstance(item, Missed):
        narrate(f"missing: {item.why}")
    elif isinstance(item, Trouble):
        narrate(f"{item.what}: trying again")
    elif isinstance(item, Lost):
        raise MachineryError(
            f"the log of `{item.build_id}` is not followed any longer",
            detail=f"observed: {item.why}",
            hint="run it again; the build may go on",
        )
