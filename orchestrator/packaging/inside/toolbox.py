"""The pinned tools of a build (boto3, uv): installed apart from the package, by digest."""

from __future__ import annotations

import pkgutil
import shutil
import sys

from orchestrator.errors import ConfigurationError, MachineryError, Refused
from orchestrator.packaging.files import write_whole
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.packaging.process import clean_environment, run


def lock_text() -> bytes:
    """Return `tools.lock`: exact versions, with the digests of the files for every platform."""
    content = pkgutil.get_data("orchestrator.packaging.inside", "tools.lock")
    assert content is not None  # noqa: S101 - both loaders that can load this package can read its files
    return content


def install_tools(workspace: Workspace) -> None:
    """Put the tools into the private directory.

    Raises MachineryError when pip cannot get them, Refused when a file does not have its digest, and
    ConfigurationError when this Python has no pip.
    """
    lock = workspace.private / "tools.lock"
    write_whole(lock, lock_text())
    shutil.rmtree(workspace.tools, ignore_errors=True)
    result = run(
        [
            sys.executable,
            *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "5"),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile", "--no-warn-script-location"),
            *("--target", workspace.tools, "--requirement", lock),
        ],
        environment=clean_environment(),
        directory=workspace.private,
    )
    if result.code:
        _fail(result.errors or result.output)


def activate(workspace: Workspace) -> None:
    """Let this process import the tools."""
    if not workspace.tools.is_dir():
        raise ConfigurationError(
            "the tools of the build are not installed",
            detail=f"observed: no `{workspace.tools}`, expected: the phase `install` ran before",
            hint="run the phases in their order",
        )
    sys.path.insert(0, str(workspace.tools))


def _fail(errors: str) -> None:
    text = "\n".join(line for line in errors.splitlines() if line.strip())[-4000:]
    if "No module named pip" in text:
        raise ConfigurationError(
            "this Python has no pip", detail=f"observed: `{sys.executable}`", hint="use an image whose Python has pip"
        )
    if "DO NOT MATCH THE HASHES" in text:
        raise Refused(
            "a tool of the build is not the file it must be",
            detail=text,
            hint="find out what the package index serves in its place",
        )
    raise MachineryError(
        "cannot install the tools of the build", detail=text, hint="start the build again; check the package index"
    )
