"""Writes the reference pages of the commands and of what they print: `python -m orchestrator.cli.reference DIR`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from orchestrator import errors
from orchestrator.cli import documents
from orchestrator.cli.main import cli

PAGE = "cli.md"
_HEAD = """\
# Commands

This page is generated from the commands in `orchestrator/cli`; change them, then run
`python -m orchestrator.cli.reference docs/reference`.

Every command has `--help`. Data goes to standard output, everything else to standard error.

## Exit codes

| exit | means | whose move |
|---|---|---|
"""
_EXAMPLE = "Example: "


def page() -> str:
    """Return the text of the page: the exit codes, then every command that is no group, in the order of help."""
    commands = "".join(_entry(command, context) for command, context in leaves())
    return _HEAD + "".join(_exit_codes()) + commands


def leaves() -> Iterator[tuple[click.Command, click.Context]]:
    """Give every command that is no group and is not hidden, with its context, in the order of help."""
    yield from _leaves(cli, _context(cli, "orchestrator"))


def write(directory: Path) -> None:
    """Write the pages into an existing directory."""
    (directory / PAGE).write_text(page(), encoding="utf-8")
    (directory / documents.PAGE).write_text(documents.page(), encoding="utf-8")


def _exit_codes() -> Iterator[str]:
    for code, meaning, move in re.findall(r"^(\d+) {2,}(\S.*?) {2,}(\S.*)$", errors.__doc__ or "", re.MULTILINE):
        yield f"| {code} | {meaning} | {move.rstrip()} |\n"


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, info_name=name, parent=parent)


def _leaves(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    if not isinstance(command, click.Group):
        yield command, context
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is not None and not found.hidden:
            yield from _leaves(found, _context(found, name, context))


def _entry(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"\n## {context.command_path}\n", f"`{usage}`\n", _prose(command.help or ""), *_options(command, context)]
    example = (command.epilog or "").removeprefix(_EXAMPLE)
    return "\n".join([*lines, f"\n```sh\n{example}\n```"]) + "\n"


def _prose(text: str) -> str:
    """Return a docstring with one line for each paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [item.get_help_record(context) for item in command.get_params(context) if isinstance(item, click.Option)]
    rows = [record for record in records if record and "--help" not in record[0]]
    if rows:
        yield "\n| option | meaning |\n|---|---|"
        yield from (f"| `{names}` | {_cell(text)} |" for names, text in rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
