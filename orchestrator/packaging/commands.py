"""Kind `custom`: the user's own commands, and the files that they leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.errors import BuildFailed
from orchestrator.packaging.process import clean_environment, stream


def run_commands(
    commands: Sequence[str],
    *,
    source: Path,
    output: Path,
    environment: Mapping[str, str],
    narrate: Callable[[str], None],
) -> Path:
    """Run `commands` in one bash that stops at the first failure; return `output`, the folder they must leave.

    What they print goes to the log as it comes. The credentials of the build are not in their environment. Raises
    BuildFailed when one of them fails, or leaves nothing.
    """
    narrate(f"running {len(commands)} commands in `{source.name}`")
    script = "\n".join(commands)
    code = stream(
        ["bash", "-eo", "pipefail", "-c", script], environment=clean_environment(environment), directory=source
    )
    if code:
        raise BuildFailed(
            f"the commands of the package ended with {code}",
            detail="observed: the last lines above",
            hint="run them on the target's architecture to find out why",
        )
    if not output.is_dir() or not any(output.iterdir()):
        raise BuildFailed(
            f"the commands left no files in `{output.name}`",
            detail=f"observed: {'an empty folder' if output.is_dir() else 'no such folder'}",
            hint="let the commands write there, or correct `output:` of the package",
        )
    return output
