"""Terraform at work: a folder, a backend, and the credentials that only its environment holds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orchestrator.effects.files import unwritable, write_bytes, write_json, write_tree
from orchestrator.effects.terraform import (
    PlanSummary,
    TerraformExecutable,
    TerraformRunner,
    find_terraform,
    provider_environment,
)
from orchestrator.errors import ConfigurationError, Refused
from orchestrator.plan.model import RenderedRoot, StatePlan
from orchestrator.ports import Narrator
from orchestrator.vocabulary import StateBackend

# What makes a second `init` quick; everything else is written anew.
_KEPT = {".terraform", ".terraform.lock.hcl"}
# The backend `s3` has had `use_lockfile` since then, in Terraform and in OpenTofu.
_LOCKS = (1, 10)


class TerraformInfrastructure:
    """Applies rendered roots in one work folder, which is ours alone.

    `binaries` are the files of the root that are no text, by name: the zip of a Lambda function.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        narrate: Narrator,
        binaries: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._narrate = narrate
        self._binaries = binaries

    def apply(self, root: RenderedRoot) -> Mapping[str, Any]:
        """Plan the root, apply exactly that plan, and return the outputs."""
        runner = self._initialised(root)
        with self._planned() as planned:
            for line in _lines(runner.plan(planned)):
                self._narrate(line)
            runner.apply(planned)
        outputs: dict[str, Any] = runner.outputs()
        return outputs

    def preview(self, root: RenderedRoot) -> Sequence[str]:
        """Return what applying the root would do: a line that counts, then a line for each change."""
        runner = self._initialised(root)
        with self._planned() as planned:
            return _lines(runner.plan(planned))

    def outputs(self, root: RenderedRoot) -> Mapping[str, Any]:
        """Return the outputs in the state of the root; nothing if it is empty."""
        found: dict[str, Any] = self._initialised(root).outputs()
        return found

    def destroy(self, root: RenderedRoot, targets: Sequence[str], agree: Callable[[Sequence[str]], None]) -> None:
        """Plan the end of the targets, show it to `agree`, which may raise, and do exactly that."""
        runner = self._initialised(root)
        with self._planned() as planned:
            agree(_lines(runner.plan_destroy(planned, targets)))
            runner.apply(planned)

    def _initialised(self, root: RenderedRoot) -> TerraformRunner:
        runner = self._runner(root.state)
        self._write(root)
        runner.init(backend_config=self._backend_config(root.state))
        return runner

    @contextmanager
    def _planned(self) -> Iterator[Path]:
        """Give the file of a plan, and remove it: it holds everything that Terraform knows."""
        planned = self._folder / "terraform.plan"
        try:
            yield planned
        finally:
            planned.unlink(missing_ok=True)

    def _runner(self, state: StatePlan) -> TerraformRunner:
        executable = find_terraform(self._environment)
        self._narrate(f"using {executable.describe()}")
        _require_lock(state, executable)
        self._make_folder()
        environment = provider_environment(self._environment, self._folder)
        # Our root takes its values from its own files; a pipeline may be started with any variable.
        environment = {name: value for name, value in environment.items() if not name.startswith("TF_VAR_")}
        environment.update(_state_credentials(state, self._environment))
        return TerraformRunner(
            self._folder,
            executable=executable,
            environment=environment,
            narrate=self._narrate,
            lock_timeout_seconds=state.lock_timeout_seconds,
        )

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        if self._folder.is_symlink() or self._folder.parent.is_symlink():
            raise Refused(
                f"`{self._folder}` is a symbolic link",
                detail="expected: a folder of its own, because everything else in it is removed",
                hint="remove the link",
            )

    def _write(self, root: RenderedRoot) -> None:
        """Write the root where nothing else is: Terraform reads every `*.tf`, `*.auto.tfvars` and more that it finds.

        A state stays in any case, also the one that Terraform saves when it cannot store it (`errored.tfstate`).
        """
        for path in self._folder.iterdir():
            if path.name in _KEPT or ".tfstate" in path.name:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        write_tree(self._folder, root.files)
        for name, content in self._binaries.items():
            write_bytes(self._folder / name, content)

    def _backend_config(self, state: StatePlan) -> Path:
        return write_json(self._folder / "backend.tfbackend.json", dict(state.settings))


def _lines(summary: PlanSummary) -> list[str]:
    """Return what a plan will do: a line that counts, then a line for each change."""
    return [f"plan: {summary}", *(f"  {'/'.join(change.actions)} {change.address}" for change in summary.changes)]


def _require_lock(state: StatePlan, executable: TerraformExecutable) -> None:
    if state.settings.get("use_lockfile") and executable.version < _LOCKS:
        observed, expected = (".".join(map(str, version)) for version in (executable.version, _LOCKS))
        raise ConfigurationError(
            "this Terraform cannot lock a state in S3",
            detail=f"observed: {executable.flavour} {observed}\nexpected: {expected} or newer",
            hint="install a newer one, or write `use_lockfile: false` (orchestrator.yml: `terraform`, "
            "platform.yml: `state`) and see to it that no two apply at once",
        )


def _state_credentials(state: StatePlan, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what GitLab's state API wants to know (`TF_HTTP_*`); the other backends need nothing from us."""
    if state.backend is not StateBackend.GITLAB:
        return {}
    if token := environment.get("ORCHESTRATOR_GITLAB_TOKEN") or environment.get("GITLAB_TOKEN"):
        return {"TF_HTTP_USERNAME": "oauth2", "TF_HTTP_PASSWORD": token}
    if token := environment.get("CI_JOB_TOKEN"):
        return {"TF_HTTP_USERNAME": "gitlab-ci-token", "TF_HTTP_PASSWORD": token}
    raise ConfigurationError(
        "there is no token for the Terraform state in GitLab",
        detail="observed: neither CI_JOB_TOKEN nor ORCHESTRATOR_GITLAB_TOKEN is set",
        hint="run this in a GitLab job, or export ORCHESTRATOR_GITLAB_TOKEN",
    )
