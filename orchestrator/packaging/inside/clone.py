"""Fetching one commit with git; the token is read when git asks for it and is never part of a command."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused, Superseded
from orchestrator.packaging.inside.parameters import read_parameter
from orchestrator.packaging.inside.settings import Clone
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.packaging.process import Result, clean_environment, run

# No other transports, no hooks, no helper of the image, no submodules (CVE-2018-11235, CVE-2024-32002).
_GIT = (
    *("git", "-c", "protocol.ext.allow=never", "-c", "protocol.file.allow=never", "-c", "core.hooksPath=/dev/null"),
    *("-c", "credential.helper=", "-c", "submodule.recurse=false", "-c", "init.defaultBranch=main"),
    *("-c", "core.symlinks=true", "-c", "advice.detachedHead=false", "-c", "http.lowSpeedLimit=1000"),
    *("-c", "http.lowSpeedTime=60", "-c", "core.askPass="),
)
_ATTEMPTS = 3
_GONE = ("not our ref", "couldn't find remote ref", "unadvertised object", "remote did not send all necessary objects")
_DENIED = ("authentication failed", "access denied", "403", "401", "could not read", "terminal prompts disabled")
_WRONG = ("not found", "404")


def clone(source: Clone, commit: str, workspace: Workspace) -> None:
    """Fetch the commit into `workspace.tree` and prove it; raises Refused if HEAD is another commit."""
    askpass = _askpass(workspace)
    environment = clean_environment(
        {"GIT_ASKPASS": str(askpass), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"},
        credentials=True,
    )
    shutil.rmtree(workspace.tree, ignore_errors=True)
    workspace.tree.mkdir(parents=True)

    def git(*arguments: str) -> Result:
        return run([*_GIT, *arguments], environment=environment, directory=workspace.tree, timeout_seconds=1800)

    _must(git("init", "--quiet", "--template="), source)
    fetched = None
    for _ in range(_ATTEMPTS):
        fetched = git("fetch", "--quiet", "--depth", "1", "--no-tags", "--no-recurse-submodules", source.url, commit)
        if not fetched.code or not isinstance(_failure(fetched, source), MachineryError):
            break
    assert fetched is not None  # noqa: S101 - there is at least one attempt
    _must(fetched, source)
    _must(git("checkout", "--quiet", "--detach", commit), source)
    head = git("rev-parse", "HEAD").output.strip()
    if head != commit:
        raise Refused("git brought another commit", detail=f"observed: {head}, expected: {commit}")


def answer_git(prompt: str, source: Clone) -> str:
    """Answer what git asks an askpass program; only for the host that the settings name.

    A redirect to another host must not get the token. Raises Refused for any other question.
    """
    host = urlsplit(source.url)
    address = f"{host.scheme}://"
    asked = prompt.partition("'")[2].rpartition("'")[0]
    if not asked.startswith(address) or asked.removeprefix(address).rpartition("@")[2] != host.netloc:
        raise Refused("git asks for the credential of another host", detail=f"expected: {host.netloc}")
    if prompt.startswith("Username"):
        return read_parameter(source.username_parameter)
    return read_parameter(source.token_parameter)


def _askpass(workspace: Workspace) -> Path:
    """Write the program that git calls for user name and token."""
    script = workspace.private / "askpass"
    zipapp = workspace.private / "orchestrator.pyz"
    script.write_text(f'#!/bin/sh\nexec {_quoted(sys.executable)} -I {_quoted(str(zipapp))} askpass "$1"\n')
    script.chmod(0o700)
    return script


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _must(result: Result, source: Clone) -> None:
    if result.code:
        raise _failure(result, source)


def _failure(result: Result, source: Clone) -> OrchestratorError:
    text = result.errors.strip()[-2000:]
    lower = text.lower()
    if any(word in lower for word in _GONE):
        return Superseded(
            "the commit is no longer in the repository",
            detail=f"observed: {text}",
            hint="a force push or a deleted branch removed it; start a pipeline for the newer commit",
        )
    if any(word in lower for word in _DENIED):
        return ConfigurationError(
            f"GitLab does not let the build read `{source.url}`",
            detail=f"observed: {text}",
            hint=f"store a token with `read_repository` in `{source.token_parameter}`",
        )
    if any(word in lower for word in _WRONG):
        return ConfigurationError(
            f"there is no repository at `{source.url}`",
            detail=f"observed: {text}",
            hint=f"check the URL, and that the token in `{source.token_parameter}` may see the project",
        )
    return MachineryError(f"cannot fetch from `{source.url}`", detail=text, hint="start the build again")
