"""`local`: the stand-in for AWS and GitLab, to try things against."""

from __future__ import annotations

import os
import re
import shlex
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click

from orchestrator.cli.extras import require_emulator
from orchestrator.cli.screen import narrate, print_data, print_json
from orchestrator.errors import ConfigurationError

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
        print_json({"running": running is not None, **shown})
    elif running:
        print_data(f"running: AWS on {running.aws_url}, GitLab on {running.gitlab_url}, process {running.pid}")
    else:
        print_data("not running")


@local.command(epilog='Example: eval "$(orchestrator local env)"')
@directory_option
def env(directory: Path) -> None:
    """Print the variables that point ordinary clients to it, for a shell to read."""
    control = _control()
    running = control.status(directory.resolve())
    if running is None:
        raise ConfigurationError(
            "nothing is running", detail=f"looked in: {directory}", hint="start it with `orchestrator local up`"
        )
    settings = control.environment(running)
    # A profile or an endpoint of one service that is set here would win over what follows.
    others = [name for name in os.environ if _CONFLICTING.fullmatch(name) and name not in settings]
    lines = [f"unset {name}" for name in sorted(others)]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    print_data("\n".join(lines))


def _control() -> ModuleType:
    require_emulator()
    return import_module("orchestrator.emulator.control")
