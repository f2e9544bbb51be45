"""A Terraform root of the project: what is written beside its files, and what it must leave to us."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orchestrator.effects.users_root import UsersRoot
from orchestrator.errors import ConfigurationError
from orchestrator.plan.model import RenderedRoot, StatePlan
from orchestrator.render.deployment import deployment_files
from orchestrator.vocabulary import StateBackend

BACKEND = 'terraform {\n  backend "{{ backend }}" {}\n}\n'
OUTPUT = (
    'variable "packages" {}\nvariable "environment" {}\noutput "deployed" {\n  value = { a = var.environment }\n}\n'
)


def root(state: Path) -> RenderedRoot:
    """Return what deploy renders for a local state."""
    place = StatePlan(StateBackend.LOCAL, {"path": str(state)}, 30)
    return deployment_files("test", {"a": {"key": "k"}}, place, module={"main.tf": ""}, backend_template=BACKEND)


def test_the_projects_own_files_stay(tmp_path: Path) -> None:
    """Ours are written beside them, the state goes where we say, and a second deployment finds it."""
    folder, state = tmp_path / "terraform", tmp_path / "state.tfstate"
    folder.mkdir()
    (folder / "main.tf").write_text(OUTPUT)
    said: list[str] = []
    users = UsersRoot(folder, {"PATH": os.environ["PATH"]}, said.append)
    assert users.apply(root(state)) == {"deployed": {"a": "test"}}
    assert (folder / "main.tf").read_text() == OUTPUT
    assert json.loads((folder / "orchestrator.auto.tfvars.json").read_text())["packages"] == {"a": {"key": "k"}}
    assert state.exists()
    assert users.apply(root(state)) == {"deployed": {"a": "test"}}
    assert "plan: nothing to change" in said


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there is nothing to deploy with"),
        ({"README.md": "no Terraform"}, "there is nothing to deploy with"),
        ({"main.tf": 'terraform {\n  backend "s3" {}\n}\n'}, "`main.tf` has a backend of its own"),
        ({"cloud.tf": "terraform {\n  cloud {\n  }\n}\n"}, "`cloud.tf` has a backend of its own"),
    ],
)
def test_a_root_that_cannot_be_deployed_is_explained(tmp_path: Path, files: dict[str, str], words: str) -> None:
    """No root, or one whose environments would share a state, is refused before Terraform runs."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        UsersRoot(tmp_path, {"PATH": os.environ["PATH"]}, print).apply(root(tmp_path / "state"))
