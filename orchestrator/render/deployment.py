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


def deployment_files(
    environment: str,
    packages: Mapping[str, Mapping[str, Any]],
    state: StatePlan,
    *,
    module: Mapping[str, str],
    backend_template: str,
) -> RenderedRoot:
    """Render what belongs to one deployment; `module` has the files of `lambda-package` by name."""
    variables = {"environment": environment, "packages": {name: dict(values) for name, values in packages.items()}}
    files = {
        _VARIABLES: json.dumps(variables, indent=2, sort_keys=True) + "\n",
        _BACKEND: backend(backend_template, state.backend),
        **{f"{_MODULE_FOLDER}/{name}": text for name, text in module.items()},
    }
    return RenderedRoot(files=files, settings_digest=digest(files), state=state)
