"""kill -9 of a prebuild that works with real Terraform; then the command is run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Shop

from orchestrator.effects.terraform import find_terraform, provider_environment
from orchestrator.emulator import faults

pytestmark = pytest.mark.e2e
HELD_SECONDS = 3
# Where it dies: the call that is held then, and whether Terraform is killed with it (a pod that is removed) or is left
# alone (and hears from the kernel that its parent has died). Before the apply there is nothing to lose.
POINTS = {
    "apply, acted on": ("codebuild", [{"kind": "hold", "until": "done"}], "UpdateProject", True),
    "apply, left alone": ("codebuild", [{"kind": "hold", "seconds": HELD_SECONDS}], "UpdateProject", False),
    "after the apply": ("s3", ["hold"], "HeadObject", True),
}


def test_prebuild_dies_and_is_run_again(applied: Shop) -> None:
    """Whenever `prebuild` dies, the repeated job applies what is missing, and Terraform then finds nothing to do."""
    # With a provider of its own, which dies with Terraform.
    environment = {name: value for name, value in applied.environment.items() if name != "TF_REATTACH_PROVIDERS"}
    applied = replace(applied, environment=environment)
    failed = []
    for minutes, point in enumerate(POINTS, start=10):
        text = applied.files()["orchestrator.yml"].replace("timeout_minutes: 5", f"timeout_minutes: {minutes}")
        applied.commit({"orchestrator.yml": text})
        _killed(applied, *POINTS[point])
        again = applied.orchestrator("prebuild")
        (project,) = applied.aws("codebuild").batch_get_projects(names=[f"{applied.name}-parser"])["projects"]
        if again.returncode != 0 or project["timeoutInMinutes"] != minutes:
            failed.append(f"{point}: {project['timeoutInMinutes']} minutes\n{again.stderr}")
    assert not failed, "\n\n".join(failed)
    assert _plan(applied) == 0


def _killed(shop: Shop, service: str, answers: list[Any], operation: str, tree: bool) -> None:
    script = {"rules": [{"service": service, "operation": operation, "answers": answers}]}
    with faults.injected(shop.running, script), (shop.folder.parent / "killed.txt").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "prebuild"],
            cwd=shop.folder,
            env=shop.environment,
            stdout=said,
            stderr=said,
        )
        deadline = time.monotonic() + 120
        while not faults.show(shop.running)["held"]:
            assert process.poll() is None, (shop.folder.parent / "killed.txt").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        children = _descendants(process.pid)
        for pid in [process.pid, *(children if tree else [])]:
            os.kill(pid, signal.SIGKILL)
        process.wait()
        while any(Path(f"/proc/{pid}/cwd").exists() for pid in children):
            assert time.monotonic() < deadline, "Terraform does not end by itself"
            time.sleep(0.05)


def _descendants(pid: int) -> list[int]:
    """Return the processes below a process, as the kernel knows them now."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _plan(shop: Shop) -> int:
    """Return what `terraform plan` says: 0 if nothing is left to do."""
    folder = shop.folder / ".orchestrator" / "terraform"
    command = [*find_terraform(shop.environment).argv, "plan", "-detailed-exitcode", "-input=false", "-no-color"]
    environment = provider_environment(shop.environment, folder)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode
