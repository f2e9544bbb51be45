"""What a Terraform root of the project is given: the packages as data, the backend, and the module `lambda-package`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.plan.digest import digest
from orchestrator.plan.model import RenderedRoot, StatePlan
from orchestrator.render.terraform import backend

MODULE = "lambda-package"
# Beside the root's own files, where `source = "./.orchestrator/lambda-package"` finds it.
_MODULE_FOLDER = f".orchestrator/{MODULE}"
_VARIABLES = "orchestrator.auto.tfvars.json"
# An override file, so that a root needs no backend of its own (Terraform docs: Override Files).
_BACKEND = "orchestrator_override.tf"
# Another default for one variable of the module, so that a root says nothing of it and may still say otherwise.
_BOUNDARY = f"{_MODULE_FOLDER}/boundary_override.tf.json"


def deployment_files(
    environment: str,
    packages: Mapping[str, Mapping[str, Any]],
    state: StatePlan,
    *,
    module: Mapping[str, str],
    backend_template: str,
    boundary: str | None = None,
) -> RenderedRoot:
    """Render what belongs to one deployment; `module` has the files of `lambda-package` by name.

    `boundary` is the IAM policy that bounds the roles of functions, None for none.
    """
    variables = {"environment": environment, "packages": {name: dict(values) for name, values in packages.items()}}
    files = {
        _VARIABLES: json.dumps(variables, indent=2, sort_keys=True) + "\n",
        _BACKEND: backend(backend_template, state.backend),
        **{f"{_MODULE_FOLDER}/{name}": text for name, text in module.items()},
        _BOUNDARY: json.dumps({"variable": {"permissions_boundary_arn": {"default": boundary}}}) + "\n",
    }
    return RenderedRoot(files=files, settings_digest=digest(files), state=state)
