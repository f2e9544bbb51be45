"""The page about reliability answers everything that can fail (that what it names exists is checked for all pages)."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_every_fault_has_an_answer_and_a_test() -> None:
    """F1 to F27 are answered one by one, each by at least one test."""
    rows = re.findall(r"^\| F(\d+) \|(.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 28))
    assert [number for number, row in rows if "`tests/" not in row] == []
