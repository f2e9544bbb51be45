"""What `orchestrator check` found, before anything is applied: warnings are told, errors stop."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import ConfigurationError
from orchestrator.findings import Finding, Weight
from orchestrator.ports import Narrator


def require_fit(findings: Sequence[Finding], narrate: Narrator) -> None:
    """Tell the warnings; raises `ConfigurationError` with all errors at once."""
    errors = [finding for finding in findings if finding.weight is Weight.ERROR]
    for finding in findings:
        if finding.weight is Weight.WARNING:
            narrate(f"warning: {finding.subject}: {finding.what} ({finding.rule})")
    if errors:
        raise ConfigurationError(
            "this configuration cannot work" if len(errors) == 1 else f"{len(errors)} things here cannot work",
            detail="\n".join(f"`{one.subject}`: {one.what}\n  {one.why}\n  {one.fix}" for one in errors),
            hint="correct orchestrator.yml; `orchestrator check` shows the same without a pipeline",
        )
