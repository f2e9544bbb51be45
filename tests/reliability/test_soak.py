"""The soak in its short form."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


def test_ten_pushes_in_bad_weather(tmp_path: Path) -> None:
    """With every tenth call going wrong, each of ten commits is built once, and told once how that ended."""
    log = tmp_path / "log"
    command = [sys.executable, str(SOAK), "--pushes", "10", "--fault-rate", "0.1", "--seed", "4", "--log", str(log)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr + log.read_text()[-3000:]
    told = dict(re.findall(r"^(.+?) {2,}(\S+)", outcome.stdout, re.MULTILINE))
    assert (told["builds started"], told["paid twice"], told["reports per commit"]) == ("10", "0", "1.00")
    assert int(told["faults injected"]) > 10
