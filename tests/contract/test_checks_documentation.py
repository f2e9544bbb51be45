"""What docs/checks.md says of `check`, `doctor` and `advise` is what they do."""

from __future__ import annotations

import re

from pages import ROOT

from orchestrator.advice.advise import ALTERNATIVES
from orchestrator.config.rules import RULES
from orchestrator.doctor.ailments import AILMENTS

PAGE = (ROOT / "docs" / "checks.md").read_text("utf-8")


def table(heading: str) -> list[str]:
    """Return the rows of the table below a heading, without its head."""
    part = PAGE.split(f"## {heading}\n")[1]
    rows = re.findall(r"(?:^\|.*\n)+", part, re.MULTILINE)[0].splitlines()
    return rows[2:]


def test_the_tables_are_those_of_the_code() -> None:
    """Each rule, finding and piece of advice stands in its table as the code has it, and nothing else does."""
    assert table("What `check` knows") == [
        f"| `{rule.name}` | {rule.weight} | {rule.text} | {rule.source} |" for rule in RULES
    ]
    assert table("What `doctor` looks at") == [
        f"| `{name}` | {ailment.weight} | {ailment.why} |" for name, ailment in AILMENTS.items()
    ]
    assert table("What `advise` says") == [f"| `{one.name}` | {one.text} | {one.source} |" for one in ALTERNATIVES]
