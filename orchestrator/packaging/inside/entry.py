"""The door of the zipapp: one command per phase, one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Superseded
from orchestrator.packaging.inside.clone import answer_git
from orchestrator.packaging.inside.context import Build, read_build
from orchestrator.packaging.inside.fetch import fetch
from orchestrator.packaging.inside.toolbox import activate, install_tools
from orchestrator.packaging.inside.trigger import trigger
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.redacted_stream import finish_output, redact_output
from orchestrator.redaction import KNOWN

_BUG = 70
_USAGE = "usage: orchestrator.pyz install | fetch | build | deliver | trigger [--on-failure PHASE]"


def main(arguments: Sequence[str], private: Path, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command; return its exit code (see `orchestrator.errors`). The log of the build gets no secret of it."""
    KNOWN.learn(environ)
    # git reads the one answer of `askpass`, and only git.
    redact_output(KNOWN, stdout=arguments[:1] != ["askpass"])
    try:
        return _guarded(arguments, private, environ)
    finally:
        finish_output(sys.stdout)
        finish_output(sys.stderr)


def _guarded(arguments: Sequence[str], private: Path, environ: Mapping[str, str]) -> int:
    try:
        return _dispatch(list(arguments), private, environ)
    except OrchestratorError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the log of the build is the door
        return error.exit_code
    except KeyboardInterrupt:
        return 4
    except Exception:  # noqa: BLE001 - the boundary: whatever arrives here is our own bug
        traceback.print_exc()
        return _BUG


def _dispatch(arguments: list[str], private: Path, environ: Mapping[str, str]) -> int:
    command, options = (arguments[0], arguments[1:]) if arguments else ("", [])
    workspace = Workspace(private, Path(environ.get("CODEBUILD_SRC_DIR") or "."))
    if command == "askpass" and options:
        return _askpass(options[0], workspace, environ)
    if command == "trigger":
        return _trigger(options, workspace, environ)
    phases: dict[str, Callable[[Build, Workspace], str]] = {
        "install": _install,
        "fetch": fetch,
        "build": _build,
        "deliver": _deliver,
    }
    if command not in phases or options:
        raise ConfigurationError("the command is not known", detail=_USAGE)
    build = read_build(environ)
    if command != "install":
        activate(workspace)
    workspace.done(command).unlink(missing_ok=True)
    narrate(phases[command](build, workspace))
    workspace.done(command).touch()
    return 0


def narrate(text: str) -> None:
    """Say one sentence in the log of the build."""
    print(f"orchestrator: {text}", flush=True)  # noqa: T201 - the log of the build is the door


def _install(_build: Build, workspace: Workspace) -> str:
    install_tools(workspace)
    return "installed the tools of the build"


def _build(build: Build, workspace: Workspace) -> str:
    # Only now: this needs the tools, which were not there when this module was read.
    from orchestrator.packaging.inside.build import build_package

    return f"built the package for {build.settings.target}: sha256 {build_package(build, workspace, narrate)}"


def _deliver(build: Build, workspace: Workspace) -> str:
    from orchestrator.packaging.inside.deliver import deliver

    return deliver(build, workspace)


def _trigger(options: list[str], workspace: Workspace, environ: Mapping[str, str]) -> int:
    """Call the pipeline: always, or with `--on-failure PHASE` only if that phase did not end well."""
    if options and (len(options) != 2 or options[0] != "--on-failure"):
        raise ConfigurationError("the option is not known", detail=_USAGE)
    build = read_build(environ)
    if options and build.succeeding and workspace.done(options[1]).exists():
        return 0
    if workspace.tools.is_dir():
        activate(workspace)
    try:
        narrate(trigger(build, workspace))
    except (MachineryError, Superseded) as error:
        # The package is there. A build that failed because GitLab was away would be paid for again.
        if options or not build.succeeding or not workspace.done("deliver").exists():
            raise
        narrate(f"{error}\nthe package is stored; `orchestrator reconcile` brings it home")
    return 0


def _askpass(prompt: str, workspace: Workspace, environ: Mapping[str, str]) -> int:
    clone = read_build(environ).settings.clone
    if clone is None:
        raise ConfigurationError("nothing is cloned in this build")
    activate(workspace)
    print(answer_git(prompt, clone))  # noqa: T201 - git reads the answer from this pipe
    return 0
