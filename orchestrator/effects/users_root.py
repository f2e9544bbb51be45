"""A Terraform root that belongs to the project: its files stay, ours are written beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from orchestrator.effects.files import write_tree
from orchestrator.effects.infrastructure import TerraformInfrastructure
from orchestrator.errors import ConfigurationError
from orchestrator.plan.model import RenderedRoot
from orchestrator.ports import Narrator

_BACKEND = re.compile(r'^\s*(backend\s+"|cloud\s*\{)', re.MULTILINE)


class UsersRoot(TerraformInfrastructure):
    """Applies a root of the project with the packages and the state of one environment."""

    def __init__(self, folder: Path, environment: Mapping[str, str], narrate: Narrator) -> None:
        super().__init__(folder, environment, narrate)

    def _make_folder(self) -> None:
        """Make sure that there is a root, and that it leaves the state to us."""
        files = sorted(self._folder.glob("*.tf")) if self._folder.is_dir() else []
        if not files:
            raise ConfigurationError(
                "there is nothing to deploy with",
                detail=f"observed: no `*.tf` in `{self._folder.name}`\nexpected: a Terraform root",
                hint="write one, or name its folder with `--terraform`",
            )
        for path in files:
            if not path.name.endswith("_override.tf") and _BACKEND.search(path.read_text("utf-8", "replace")):
                raise ConfigurationError(
                    f"`{path.name}` has a backend of its own",
                    detail="expected: none, because every environment has a state of its own beside that of prebuild",
                    hint="remove the block; `terraform:` in orchestrator.yml says where states are",
                )

    def _write(self, root: RenderedRoot) -> None:
        write_tree(self._folder, root.files)
