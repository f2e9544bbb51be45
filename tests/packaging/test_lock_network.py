"""A few requirement sets of public projects, with the real index; the whole collection is a script in benchmarks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.packaging.lock.credentials import Credentials
from orchestrator.packaging.lock.download import bring
from orchestrator.packaging.lock.model import DependencyPlan, Verdict
from orchestrator.packaging.lock.plan import plan_dependencies
from orchestrator.packaging.lock.uv import Uv
from orchestrator.packaging.programs import program
from orchestrator.packaging.runtimes import target_of

SETS = Path(__file__).resolve().parents[3] / "shared" / "data" / "requirements"


def _plan(file: Path, tmp_path: Path, architecture: str, runtime: str) -> DependencyPlan:
    target = target_of(architecture, runtime)
    uv = Uv(program("uv"), tmp_path / "scratch", tmp_path / "cache", target, {})
    return plan_dependencies(file, file.parent, file.parent, target, uv, lambda _line: None)


def test_a_set_of_wheels_is_planned_and_brought(tmp_path: Path) -> None:
    """On Amazon Linux 2, numpy is the newest that its C library loads, and is what the index really serves."""
    file = tmp_path / "requirements.txt"
    file.write_text("numpy\nsix==1.17.0\n./own\n")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "setup.py").write_text(
        "from setuptools import setup\nsetup(name='own', version='1', install_requires=['idna'])\n"
    )
    plan = _plan(file, tmp_path, "arm64", "python3.11")
    assert {package.name for package in plan.having(Verdict.WHEEL)} == {"idna", "numpy", "six"}
    assert [package.name for package in plan.having(Verdict.COMPILE)] == ["own"]
    files = [package.file for package in plan.packages if package.file]
    found = bring(files, tmp_path / "cache", Credentials(), lambda line: sys.stderr.write(f"{line}\n"))
    assert sorted(found) == sorted(file.sha256 for file in files)


@pytest.mark.parametrize(
    ("name", "runtime", "verdict", "reason"),
    [
        (
            "developmentseed__titiler__2.txt",
            "python3.13",
            Verdict.COMPILE,
            "no wheel of msgpack 1.0.3 for glibc <= 2.34",
        ),
        ("aws__aws-sam-cli-app-templates__1.txt", "python3.11", Verdict.IMPOSSIBLE, "torch 1.7.1 has no wheel for"),
        ("el-pedrito__strava-ai-boost__2.txt", "python3.11", Verdict.IMPOSSIBLE, "requires Python"),
    ],
)
def test_sets_end_in_a_named_reason(tmp_path: Path, name: str, runtime: str, verdict: Verdict, reason: str) -> None:
    """What has to be compiled or cannot be had is known before anything is built."""
    plan = _plan(SETS / name, tmp_path, "arm64", runtime)
    assert any(reason in package.reason for package in plan.having(verdict))
    assert plan.having(Verdict.WHEEL)
