"""A part of the requirement sets of public projects, made into packages by the script that makes all of them."""

from __future__ import annotations

import argparse
import platform
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETS = ROOT.parent / "shared" / "data" / "requirements"
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "benchmarks" / "requirement_sets.py"))
OTHER = {"aarch64": "x86_64", "x86_64": "arm64"}[platform.machine()]
HINT = "\n\nhint: do something\n"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("RyanYCT__bdo-market-insights__1", "package", "5 wheels"),
        ("TheToddLuci0__ssh-certificate-CA-lambda__1", "other machine", "cffi 1.15.1 has to be compiled"),
        ("aws__aws-sam-cli-app-templates__1", "impossible", "torch"),
        ("serverless__serverless-python-requirements__2", "impossible", "scipy"),
        ("Netflix__bless__1", "requirement file", "is not a Python project"),
    ],
)
def test_a_set_ends_in_a_package_or_a_named_reason(tmp_path: Path, name: str, kind: str, said: str) -> None:
    """With the real index, for the machine that this is not."""
    case = SCRIPT["Case"](SETS / f"{name}.txt", "python3.13", OTHER)
    options = argparse.Namespace(keep=None, cache=tmp_path / "cache", timeout=300)
    outcome = SCRIPT["made"](case, options)
    assert outcome.kind == kind, outcome.said
    assert said in outcome.said[0]


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (1, f"the requirements cannot be had for x\nerror: No solution found when resolving{HINT}", "contradiction"),
        (3, f"the requirements cannot be had for x\n  cause: dns error{HINT}", "index"),
        (5, f"the package is larger than Lambda takes\nobserved: 9{HINT}", "too large"),
        (1, f"pillow 10.2.0 does not compile for x\nits last lines:\nerror: Failed{HINT}", "compile"),
        (1, "x 1 does not compile for x\n\nhint: the lines above say what its build script misses; y\n", "unnamed"),
        (1, "x 1 does not compile for x\n", "unnamed"),
        (70, f"this is a bug in orchestrator (KeyError){HINT}", "unnamed"),
        (1, f"something new{HINT}", "unnamed"),
        (None, "", "unnamed"),
    ],
)
def test_only_what_names_its_reason_counts(code: int | None, message: str, kind: str) -> None:
    """A crash, a time-out, a failure without a hint and a compiler that was not understood have no name."""
    found, lines = SCRIPT["reason"](code, f"planning\nerror: {message}" if code else "planning\n")
    assert found == kind
    assert lines


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """The other cases go on."""
    assert SCRIPT["ended"](["sleep", "60"], tmp_path, 0.1)[0] is None
