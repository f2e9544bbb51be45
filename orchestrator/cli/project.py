"""The project that a command works on: configuration, plan and rendered text, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import resources

# Every command needs `config_option`; what a project is made of takes long to load, and `--help` does not need it.
if TYPE_CHECKING:
    from orchestrator.config.context import Context
    from orchestrator.config.model import Configuration
    from orchestrator.effects.git import GitCheckout
    from orchestrator.effects.stable_zip import StableZip
    from orchestrator.plan.model import Plan, RenderedRoot

WORK_FOLDER = ".orchestrator"

config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("orchestrator.yml"),
    show_default=True,
    envvar="ORCHESTRATOR_CONFIG",
    help="The configuration file.",
)


@dataclass(frozen=True)
class Project:
    """Everything that is known without asking anybody. `folder` holds the configuration."""

    folder: Path
    configuration: Configuration
    context: Context
    git: GitCheckout
    tool: StableZip
    handback: StableZip
    plan: Plan

    @cached_property
    def root(self) -> RenderedRoot:
        """The Terraform root of the whole project."""
        from orchestrator.render.terraform import terraform_root

        return terraform_root(
            self.plan,
            modules=resources.terraform_files(),
            backend_template=_template("terraform", "backend.tf.j2"),
            buildspec_template=self._buildspec_template,
        )

    @property
    def binaries(self) -> dict[str, bytes]:
        """What lies beside the text of the Terraform root, by file name."""
        from orchestrator.render.terraform import HANDBACK_FILE

        return {HANDBACK_FILE: self.handback.content} if self.plan.handback else {}

    @property
    def work(self) -> Path:
        """The folder for what the commands leave behind."""
        return self.folder / WORK_FOLDER

    def buildspecs(self) -> dict[str, str]:
        """Return the buildspec of every package, by file name."""
        from orchestrator.render.buildspec import buildspec

        return {
            f"{build.package}.yml": buildspec(self.plan, build, template=self._buildspec_template)
            for build in self.plan.builds
        }

    def packages(self, names: tuple[str, ...]) -> Plan:
        """Return the plan with only the named packages; all of them when none is named."""
        from orchestrator.plan.make import only

        return only(self.plan, names)

    @property
    def _buildspec_template(self) -> str:
        return _template("buildspecs", "python.yml.j2")


def load_project(config: Path, environment: Mapping[str, str]) -> Project:
    """Read the configuration and plan it. Touches nothing but the checkout."""
    from orchestrator.config.context import from_environment
    from orchestrator.config.load import load
    from orchestrator.effects.git import GitCheckout
    from orchestrator.effects.handback_zip import build_handback_zip
    from orchestrator.effects.zipapp import build_zipapp
    from orchestrator.plan.make import make_plan

    configuration = load(config, environment)
    folder = config.absolute().parent.resolve()
    git = GitCheckout(folder, environment)
    tool, handback = build_zipapp(), build_handback_zip()
    plan = make_plan(
        configuration,
        base=git.place(),
        read=lambda path: _content(folder / path),
        tool_sha256=tool.sha256,
        handback_sha256=handback.sha256,
    )
    return Project(folder, configuration, from_environment(environment), git, tool, handback, plan)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:  # none there, a folder, a name too long to be one, or nothing that may be looked into
        return None


def _template(folder: str, name: str) -> str:
    return (resources.folder(folder) / name).read_text(encoding="utf-8")
