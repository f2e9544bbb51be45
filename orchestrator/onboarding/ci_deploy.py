"""The component `deploy` beside `codebuild`: whether there is something to deploy, and what its inputs are then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.onboarding.ci_file import DEPLOYING, colliding_jobs
from orchestrator.onboarding.ci_include import Component
from orchestrator.onboarding.ci_stages import PREFIX

FOLDER = "terraform"
# What `orchestrator deploy` puts into the folder, and roots of this product call by that path.
_MODULE = ".orchestrator/lambda-package"
# Inputs that both components have, with the same meaning.
_SHARED = ("directory", "image", "install", "return", "audience", "postbuild_job")


@dataclass(frozen=True)
class Deployable:
    """What there is to deploy in a checkout: the `.tf` files of the root, by their path in the repository.

    `why_not` says what is missing, empty if nothing is.
    """

    files: Sequence[str]
    why_not: str = ""


def deployable(folder: str, files: Mapping[str, str]) -> Deployable:
    """Return what a folder has to deploy; `files` are the texts of its `.tf` files by their path in the repository.

    A root that does not call our module is somebody's own: our jobs would apply it to a state of their own, and make
    everything in it a second time.
    """
    if not files:
        return Deployable((), f"there is no `{folder}` with Terraform in it")
    if not any(_MODULE in text for text in files.values()):
        return Deployable((), f"`{folder}` does not call the module `./{_MODULE}`")
    return Deployable(sorted(files))


def deploy_component(codebuild: Component, merged: Mapping[str, Any]) -> Component:
    """Return the component beside `codebuild`, as the pipeline has that one; `merged` is the whole configuration."""
    shared = {key: codebuild.inputs[key] for key in _SHARED if key in codebuild.inputs}
    renamed = {f"{name}_job": f"{PREFIX}{name}" for name in colliding_jobs(merged, DEPLOYING)}
    return codebuild.sibling("deploy", {**shared, **renamed})
