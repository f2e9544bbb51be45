"""What a rule has to say of a file, before anybody knows where the file came from."""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.packaging.inspection.model import Rule, Severity


class Problem(NamedTuple):
    """A broken rule: the file, the symbol, library or tag it is about, and what to do (empty: as the rule has it)."""

    rule: Rule
    file: str
    subject: str
    observed: str
    expected: str
    advice: str = ""
    severity: Severity = Severity.ERROR
