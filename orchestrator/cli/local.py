"""`local`: the stand-in for AWS and GitLab, to try things against."""

from __future__ import annotations

import json
import os
import re
import shlex
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.extras import require_emulator
from orchestrator.cli.screen import document_text, narrate, print_credentials, print_data, print_document
from orchestrator.errors import ConfigurationError

if TYPE_CHECKING:
    from orchestrator.emulator.control import Running

_CONFLICTING = re.compile(
    r"AWS_(PROFILE|DEFAULT_PROFILE|SESSION_TOKEN|IGNORE_CONFIGURED_ENDPOINT_URLS|ENDPOINT_URL_[A-Z0-9_]+)"
)

directory_option = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".orchestrator/local"),
    show_default=True,
    help="Folder that holds all of its state.",
)


@click.group(epilog='Example: orchestrator local up && eval "$(orchestrator local env)"')
def local() -> None:
    """Start and stop the local stand-in for AWS and GitLab."""


@local.command(epilog="Example: orchestrator local up --directory /tmp/emulator")
@directory_option
def up(directory: Path) -> None:
    """Start it in the background, and return when it is ready."""
    running = _control().up(directory.resolve(), detach=True)
    narrate(f"AWS on {running.aws_url}, GitLab on {running.gitlab_url}, process {running.pid}")
    narrate('use it with: eval "$(orchestrator local env)"')


@local.command(epilog="Example: orchestrator local down")
@directory_option
def down(directory: Path) -> None:
    """End it, with every build and job that it runs."""
    stopped = _control().down(directory.resolve())
    narrate("stopped" if stopped else "nothing was running")


@local.command(epilog="Example: orchestrator local status --json")
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def status(directory: Path, *, as_json: bool) -> None:
    """Tell whether it runs, and where."""
    running = _control().status(directory.resolve())
    if as_json:
        shown = {"aws_url": running.aws_url, "gitlab_url": running.gitlab_url, "pid": running.pid} if running else {}
        print_document({"running": running is not None, **shown})
    elif running:
        print_data(f"running: AWS on {running.aws_url}, GitLab on {running.gitlab_url}, process {running.pid}")
    else:
        print_data("not running")


@local.command(epilog='Example: eval "$(orchestrator local env)"')
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def env(directory: Path, *, as_json: bool) -> None:
    """Print the variables that point ordinary clients to it, for a shell to read."""
    settings = _control().environment(_running(directory))
    # A profile or an endpoint of one service that is set here would win over what follows.
    others = sorted(name for name in os.environ if _CONFLICTING.fullmatch(name) and name not in settings)
    if as_json:
        print_credentials(document_text({"export": settings, "unset": others}))
        return
    lines = [f"unset {name}" for name in others]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    print_credentials("\n".join(lines))


@local.group(epilog="Example: orchestrator local faults set faults.json")
def faults() -> None:
    """Let it fail on purpose, in a way that can be repeated."""


@faults.command("set", epilog="Example: orchestrator local faults set faults.json")
@directory_option
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.json")
def set_faults(directory: Path, file: Path) -> None:
    """Put the script FILE.json in force, in place of what was before."""
    try:
        script = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = "docs/emulator-faults.md shows such files"
        raise ConfigurationError(
            f"`{file}` cannot be read", detail=f"observed: {error}; expected JSON", hint=hint
        ) from error
    told = _faults().put(_running(directory), script)
    narrate(f"{len(told['rules'])} rules are in force")


@faults.command("show", epilog="Example: orchestrator local faults show --json")
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show_faults(directory: Path, *, as_json: bool) -> None:
    """Print the rules with how often each was asked and acted, and the journal of what was injected."""
    told = _faults().show(_running(directory))
    if as_json:
        print_document(told)
    else:
        print_data("\n".join(_lines(told)))


@faults.command("clear", epilog="Example: orchestrator local faults clear")
@directory_option
def clear_faults(directory: Path) -> None:
    """Take all faults away."""
    _faults().clear(_running(directory))
    narrate("no faults are in force")


def _lines(told: dict[str, Any]) -> list[str]:
    if not told["rules"]:
        return ["no faults are in force"]
    rules = [
        f"{rule['name']}: {rule['service']} {rule['operation']}, {rule['calls']} calls, {rule['used']} answers used"
        for rule in told["rules"]
    ]
    journal = [
        f"{line['number']}. {line['rule']}, call {line['call']}: {line['service']} {line['operation']}: "
        f"{json.dumps(line['answer'])}"
        for line in told["journal"]
    ]
    return [*rules, "", *(journal or ["nothing was injected yet"])]


def _running(directory: Path) -> Running:
    """Return the emulator that runs on `directory`."""
    running: Running | None = _control().status(directory.resolve())
    if running is None:
        raise ConfigurationError(
            "nothing is running", detail=f"looked in: {directory}", hint="start it with `orchestrator local up`"
        )
    return running


def _faults() -> ModuleType:
    require_emulator()
    return import_module("orchestrator.emulator.faults")


def _control() -> ModuleType:
    require_emulator()
    return import_module("orchestrator.emulator.control")
