"""`completion`, and the words with which a shell may go on: names of packages, ids of builds.

Somebody has pressed a key and waits, so nothing here asks AWS or loads more than it must; and it never fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from orchestrator.cli.project import WORK_FOLDER
from orchestrator.cli.screen import print_data

VARIABLE = "_ORCHESTRATOR_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")
# What a shell gets is one line each, and is typed for somebody: nothing but plain words.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,255}")


@click.command(epilog='Example: eval "$(orchestrator completion bash)"')
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the script that lets a SHELL complete commands, options, names of packages and ids of builds.

    For every new shell: the line of the example in ~/.bashrc or, with `zsh`, in ~/.zshrc. For fish:
    `orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish`.
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell  # click knows each of these three  # noqa: S101
    # The script does not depend on what the command is: it calls the command to find out.
    print_data(kind(click.Group("orchestrator"), {}, "orchestrator", VARIABLE).source())


def complete_packages(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of packages in the configuration that begin like this."""
    return [CompletionItem(name) for name in _names(_config(context)) if _fits(name, incomplete)]


def complete_builds(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of the builds that were started here and begin like this, with their packages."""
    found = _started(_config(context).parent / WORK_FOLDER / "builds.json")
    return [CompletionItem(build, help=name) for build, name in found if _fits(build, incomplete)]


def _fits(word: str, incomplete: str) -> bool:
    return word.startswith(incomplete) and _WORD.fullmatch(word) is not None


def _config(context: click.Context) -> Path:
    return Path(context.params.get("config") or "orchestrator.yml")


def _names(config: Path) -> Iterator[str]:
    """Give the names of packages: the keys one step below `packages`, without reading what they mean."""
    import yaml

    try:
        document = yaml.load(config.read_bytes(), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506 - knows text only
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return
    listed = document.get("packages") if isinstance(document, dict) else None
    yield from (name for name in (listed if isinstance(listed, dict) else {}) if isinstance(name, str))


def _started(path: Path) -> Iterator[tuple[str, str]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = [(str(item["build_id"]), str(item["package"])) for item in document["builds"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    yield from found
