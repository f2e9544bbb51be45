"""An inspection as a Code Quality report, which GitLab shows in merge requests."""

from __future__ import annotations

import hashlib
import json

from orchestrator.packaging.inspection.model import Finding, Severity
from orchestrator.packaging.inspection.reports.subject import Inspected

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor"}


def as_code_quality(inspected: Inspected) -> str:
    """Return the list that GitLab's "Code Quality report format" asks for.

    A finding keeps its fingerprint as long as package, rule, file and subject stay, whatever the words are, so a merge
    request shows what it adds and what it mends. The path is that of the zip, relative to the repository.
    """
    path = inspected.package.removeprefix("./")
    issues = [
        {
            "description": f"{finding.file}: {finding.observed}, expected {finding.expected}"
            f" (from {finding.distribution or 'the application'}); {finding.advice}",
            "check_name": f"package-{finding.rule.value}",
            "fingerprint": _fingerprint(path, finding),
            "severity": _SEVERITIES[finding.severity],
            "location": {"path": path, "lines": {"begin": 1}},
        }
        for finding in inspected.inspection.findings
    ]
    return json.dumps(issues, indent=2) + "\n"


def _fingerprint(path: str, finding: Finding) -> str:
    parts = (path, finding.rule.value, finding.file, finding.subject)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
