"""Terraform at work in one directory: init, a saved plan, exactly that plan applied, outputs.

The one module that runs Terraform. Nothing is approved unseen, every command that touches the state waits for its lock,
and a secret only ever travels in the environment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.effects.process import Captured, Ended, capture, stream
from orchestrator.effects.terraform_command import TerraformCommand
from orchestrator.effects.terraform_errors import explain, passing, role_unknown
from orchestrator.effects.terraform_find import TerraformExecutable, find_terraform
from orchestrator.effects.terraform_plan import (
    PlanSummary,
    Problem,
    Reader,
    ResourceChange,
    plain,
    problems_in_text,
)
from orchestrator.effects.terraform_providers import provider_environment, terraform_environment
from orchestrator.errors import ConfigurationError, MachineryError

__all__ = [
    "PlanSummary",
    "ResourceChange",
    "TerraformExecutable",
    "TerraformRunner",
    "find_terraform",
    "provider_environment",
]

_INIT_PAUSES_SECONDS = (2.0, 5.0)
# IAM makes a new role known within seconds, now and then within minutes; together five minutes.
_ROLE_PAUSES_SECONDS = (5.0, 10.0, 15.0, 30.0, 60.0, 60.0, 60.0, 60.0)


class TerraformRunner:
    """Runs Terraform in `directory`; `environment` is everything it gets, as `provider_environment` returns it.

    `narrate` gets lines for a person while Terraform works. All methods raise `Superseded` when a signal told this
    process to stop (Terraform has ended and given its lock back by then), and `ConfigurationError` or `MachineryError`
    when Terraform fails.
    """

    def __init__(
        self,
        directory: Path,
        *,
        executable: TerraformExecutable,
        environment: Mapping[str, str],
        narrate: Callable[[str], None],
        lock_timeout_seconds: int = 300,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._directory = directory
        self._executable = executable
        self._command = TerraformCommand(executable)
        self._environment = terraform_environment(environment)
        self._narrate = narrate
        self._lock_timeout = f"{lock_timeout_seconds}s"
        self._pause = pause
        self._planned: dict[Path, PlanSummary] = {}

    def version(self) -> str:
        """Return a line like "Terraform 1.11.4 (/usr/local/bin/terraform)"."""
        return self._executable.describe()

    def init(self, *, backend_config: Path | None) -> None:
        """Get the providers and connect the backend, whose settings are a JSON file.

        What is remembered of another backend is dropped and its state left alone (`-reconfigure`). A registry's bad
        moment is waited for, twice.
        """
        options = {"input": "false", "reconfigure": True, "backend_config": backend_config and backend_config.resolve()}
        for pause_seconds in (*_INIT_PAUSES_SECONDS, None):
            ended = self._stream("init", self._narrate_init, **options)
            if ended.returncode == 0:
                return
            problems = problems_in_text(ended.tail)
            if pause_seconds is None or not passing(problems):
                raise explain("terraform init", problems, ended.tail, self._environment)
            self._narrate(f"{problems[0].summary}: trying again in {pause_seconds:g} seconds")
            self._pause(pause_seconds)

    def validate(self) -> None:
        """Check the files of the directory. Raises `ConfigurationError` that tells every problem."""
        captured = self._capture("validate")
        report = _parsed(captured, "terraform validate", self._environment)
        if not report.get("valid"):
            found = [item for item in report.get("diagnostics", []) if item.get("severity") == "error"]
            told = [f"{item.get('summary')}: {item.get('detail', '')}".rstrip(": ") for item in found]
            raise ConfigurationError("the Terraform files are not valid", detail="\n".join(told))

    def plan(self, out: Path) -> PlanSummary:
        """Work out what is to be done and save it in `out`, readable for this user only."""
        return self._plan(out, destroy=False)

    def plan_destroy(self, out: Path, targets: Sequence[str] = ()) -> PlanSummary:
        """Work out the end of the targets, or of everything, and save it like `plan`."""
        return self._plan(out, destroy=True, targets=targets)

    def apply(self, plan: Path) -> None:
        """Do exactly what a saved plan says; an empty plan runs nothing.

        When CodeBuild does not know a role yet that was made a moment ago, what is left is planned and applied again,
        for up to five minutes. Raises `MachineryError` when by then something else would be changed.
        """
        first = self._planned.get(plan)
        if first is not None and first.empty:
            return
        for pause_seconds in (*_ROLE_PAUSES_SECONDS, None):
            problems, ended = self._apply(plan)
            if ended.returncode == 0:
                return
            if pause_seconds is None or first is None or not role_unknown(problems):
                raise explain("terraform apply", problems, ended.tail, self._environment)
            self._narrate(f"CodeBuild does not know the new role yet: trying again in {pause_seconds:g} seconds")
            self._pause(pause_seconds)
            _only_less(first, self._plan(plan, destroy=False))

    def outputs(self) -> dict[str, Any]:
        """Return the values of the root's outputs."""
        values = _parsed(self._capture("output"), "terraform output", self._environment)
        return {name: output["value"] for name, output in values.items()}

    def _plan(self, out: Path, *, destroy: bool, targets: Sequence[str] = ()) -> PlanSummary:
        reader = Reader(self._narrate)
        ended = self._stream(
            "plan",
            reader.line,
            input="false",
            json=True,
            detailed_exitcode=True,
            destroy=destroy,
            lock_timeout=self._lock_timeout,
            out=out.resolve(),
            target=list(targets) or None,
        )
        if ended.returncode not in (0, 2):  # 2: there are changes
            problems = reader.problems or problems_in_text(ended.tail)
            raise explain("terraform plan", problems, ended.tail, self._environment)
        if out.exists():
            out.chmod(0o600)
        summary = reader.summary(changed=ended.returncode == 2)
        self._planned[out] = summary
        return summary

    def _apply(self, plan: Path) -> tuple[list[Problem], Ended]:
        reader = Reader(self._narrate)
        ended = self._stream(
            "apply", reader.line, str(plan.resolve()), input="false", json=True, lock_timeout=self._lock_timeout
        )
        return reader.problems or problems_in_text(ended.tail), ended

    def _stream(self, command: str, listen: Callable[[str], None], *arguments: str, **options: object) -> Ended:
        return stream(
            self._command.line(command, *arguments, no_color=True, **options),
            name=f"terraform {command}",
            directory=self._directory,
            environment=self._environment,
            listen=listen,
        )

    def _capture(self, command: str) -> Captured:
        return capture(
            self._command.line(command, no_color=True, json=True),
            name=f"terraform {command}",
            directory=self._directory,
            environment=self._environment,
        )

    def _narrate_init(self, line: str) -> None:
        # Beside the providers, `init` prints advice for people at a keyboard, which a folder made for one run needs
        # not take: commit the lock file, add checksums for other platforms.
        if plain(line).startswith("- "):
            self._narrate(plain(line)[2:])


def _parsed(captured: Captured, command: str, environment: Mapping[str, str]) -> dict[str, Any]:
    try:
        parsed = json.loads(captured.stdout)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise explain(command, problems_in_text(captured.tail), captured.tail, environment)
    return parsed


def _only_less(first: PlanSummary, then: PlanSummary) -> None:
    """Make sure that a second plan finishes the first and does nothing that nobody has seen."""
    seen = {change.address for change in first.changes}
    deleted = {change.address for change in first.changes if "delete" in change.actions}
    for change in then.changes:
        if change.address not in seen or (change.actions == ("delete",) and change.address not in deleted):
            raise MachineryError(
                "something else changed while Terraform was at work",
                detail=f"observed: `{change.address}` would {'/'.join(change.actions)}, which was not in the plan",
                hint="run this again for a new plan",
            )
