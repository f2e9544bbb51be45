"""What is in the way of an onboarding, each with what was seen, what was expected, and one thing to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import ConfigurationError, OrchestratorError, Refused


@dataclass(frozen=True)
class Problem:
    """One thing in the way; `foreign` if something is somebody else's, so that a person must look (exit 5)."""

    what: str
    observed: str
    expected: str
    hint: str
    foreign: bool = False

    @property
    def detail(self) -> str:
        """The second and third line of the message."""
        return f"observed: {self.observed}\nexpected: {self.expected}"


def failure(problems: Sequence[Problem]) -> OrchestratorError:
    """Return the error that tells all problems at once."""
    kind = Refused if any(problem.foreign for problem in problems) else ConfigurationError
    if len(problems) == 1:
        (only,) = problems
        return kind(only.what, detail=only.detail, hint=only.hint)
    told = "\n\n".join(f"{problem.what}\n{problem.detail}\ndo: {problem.hint}" for problem in problems)
    return kind(f"{len(problems)} things are in the way", detail=told, hint="mend them, and run it again")
