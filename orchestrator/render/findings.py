"""Findings as people read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator.findings import Finding, Weight


def findings_text(findings: Sequence[Finding]) -> str:
    """Return each finding as a block of lines, what matters most first, and the count of each weight at the end."""
    ordered = sorted(findings, key=lambda finding: list(Weight).index(finding.weight))
    counted = Counter(finding.weight for finding in findings)
    told = [f"{count} {_plural(weight, count)}" for weight in Weight if (count := counted[weight])]
    return "\n".join([*(f"{_block(finding)}\n" for finding in ordered), ", ".join(told) or "nothing found"]) + "\n"


def _block(finding: Finding) -> str:
    return (
        f"{finding.weight}: {finding.subject} ({finding.rule})\n"
        f"  what: {finding.what}\n"
        f"  why:  {finding.why}\n"
        f"  fix:  {finding.fix}"
    )


def _plural(weight: Weight, count: int) -> str:
    many = {Weight.ERROR: "errors", Weight.WARNING: "warnings", Weight.ADVICE: "pieces of advice"}
    one = {Weight.ADVICE: "piece of advice"}
    words = one if count == 1 else many
    return "that nobody could look at" if weight is Weight.UNKNOWN else words.get(weight, str(weight))
