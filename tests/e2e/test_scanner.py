"""What prebuild and `platform apply` make, read by a scanner that somebody else has written (`checkov`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from planned import ROLES_MODULE, everything, plan_everything, render

from orchestrator import resources
from orchestrator.effects.files import write_tree

pytestmark = pytest.mark.e2e


@pytest.fixture
def checkov() -> str:
    """Return the program, which CI must have; elsewhere the test says that it was left out."""
    found = os.environ.get("ORCHESTRATOR_TEST_CHECKOV") or shutil.which("checkov")
    if found is None and not os.environ.get("CI"):
        pytest.skip("checkov is not installed (`uv tool install checkov`), nor named in ORCHESTRATOR_TEST_CHECKOV")
    assert found, "CI must install checkov"
    return found


def scanned(program: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """Return what checkov says of the files, without asking anybody on the network."""
    outcome = subprocess.run(
        [program, *arguments, "--output", "json", "--skip-download", "--soft-fail"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-3000:]
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def judged(found: dict[str, Any], *, at_least: int) -> dict[str, str]:
    """Make sure that nothing failed and something was judged; return the skipped checks with their reasons."""
    results = found["results"]
    failed = [f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in results["failed_checks"]]
    assert (failed, results["parsing_errors"]) == ([], [])
    assert len(results["passed_checks"]) >= at_least
    return {
        f"{one['check_id']} {one['resource']}": one["check_result"]["suppress_comment"]
        for one in results["skipped_checks"]
    }


def test_the_files_have_no_finding(checkov: str, tmp_path: Path) -> None:
    """No check fails on roots, roles and `lambda-package`; each that is skipped has its reason beside the resource."""
    render(everything(), tmp_path / "root")
    shutil.copytree(ROLES_MODULE, tmp_path / "roles", ignore=shutil.ignore_patterns("tests", ".terraform*"))
    write_tree(tmp_path / "platform", resources.terraform_files("platform"))
    write_tree(tmp_path / "package", resources.module_files("lambda-package"))
    skipped = judged(scanned(checkov, tmp_path, "--directory", ".", "--framework", "terraform"), at_least=250)
    assert skipped
    assert not [name for name, reason in skipped.items() if len(reason.split()) < 6]


def test_the_plan_has_no_finding(checkov: str, tmp_path: Path) -> None:
    """No check fails on what is planned either, where variables have their values and policies are whole."""
    planned = plan_everything(tmp_path)
    (tmp_path / "plan.json").write_text(planned.text)
    arguments = ("--file", "plan.json", "--framework", "terraform_plan", "--repo-root-for-plan-enrichment", ".")
    judged(scanned(checkov, tmp_path, *arguments), at_least=100)
