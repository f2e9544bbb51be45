"""What `check`, `doctor` and `advise` have to say: one finding each, in the same four parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from orchestrator.vocabulary import Word


class Weight(Word):
    """How much a finding matters."""

    ERROR = "error"  # it will not work
    UNKNOWN = "unknown"  # nobody could look, so it is not known to work
    WARNING = "warning"  # it works today
    ADVICE = "advice"  # something else may be simpler


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should know: the rule it is of, what it is about, what was seen, why it matters, the fix.

    `subject` is a key of orchestrator.yml or a thing outside of it; `fix` is one action, often a command.
    """

    rule: str
    weight: Weight
    subject: str
    what: str
    why: str
    fix: str

    def as_json(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return {key: str(value) for key, value in asdict(self).items()}


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 2 if something is wrong, else 3 if something could not be looked at, else 0."""
    weights = {finding.weight for finding in findings}
    if Weight.ERROR in weights:
        return 2
    return 3 if Weight.UNKNOWN in weights else 0
