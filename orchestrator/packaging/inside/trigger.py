"""Calling the GitLab pipeline that takes the result home: the token is read for this one request."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.errors import ConfigurationError
from orchestrator.gitlab_trigger import Gate, declares_input, start_pipeline
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.parameters import read_parameter
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.patience import Patience


def trigger(build: Build, workspace: Workspace, *, sleep: Callable[[float], None] = time.sleep) -> str:
    """Start the pipeline, at most once per build; return one sentence.

    Raises ConfigurationError (token, project, settings), Superseded (the ref is gone), MachineryError.
    """
    if not build.ref:
        return "nobody is called: this build was asked for by no pipeline"
    settings = build.settings.trigger
    if settings is None:
        raise ConfigurationError(
            "this build calls no pipeline",
            detail="observed: settings without `trigger`, as `return: event` makes them",
            hint="run `orchestrator prebuild`, so that buildspec and settings come from the same configuration",
        )
    if workspace.triggered.exists():
        return "the pipeline was already called for this build"
    token = read_parameter(settings.token_parameter)
    # Written before the request: a request whose answer is lost may have started a pipeline.
    workspace.triggered.touch()
    gate = Gate(settings.api_url, settings.project, settings.token_parameter, _declares_input(workspace))
    pipeline = start_pipeline(gate, token, build.ref, build.build_id, Patience(sleep=sleep))
    said = f"started the pipeline {pipeline.web_url or pipeline.id}"
    return f"{said}\n{pipeline.remark}" if pipeline.remark else said


def _declares_input(workspace: Workspace) -> bool:
    """Tell whether the commit that was built declares the input; the pipeline runs on the head of its ref."""
    file = workspace.tree / ".gitlab-ci.yml"
    try:
        return file.is_file() and declares_input(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return False
