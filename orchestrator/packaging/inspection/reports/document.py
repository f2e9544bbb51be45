"""An inspection as JSON, for programs. The members of version 1 keep their names and meanings; others may come."""

from __future__ import annotations

import base64
import json
from typing import Any

from orchestrator.packaging.inspection.model import Finding
from orchestrator.packaging.inspection.reports.subject import Inspected
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES

SCHEMA_VERSION = 1


def as_json(inspected: Inspected) -> str:
    """Return the document, sorted and indented."""
    inspection, target = inspected.inspection, inspected.target
    document = {
        "schema_version": SCHEMA_VERSION,
        "package": inspected.package,
        "layers": list(inspected.layers),
        "target": {
            "architecture": target.architecture,
            "runtime": target.runtime.name,
            "system": target.runtime.system,
        },
        "sha256": inspection.sha256.hex(),
        "sha256_base64": base64.b64encode(inspection.sha256).decode(),
        "size_bytes": inspection.size_bytes,
        "unzipped_bytes": inspection.unzipped_bytes,
        "layers_unzipped_bytes": inspection.layers_unzipped_bytes,
        "unzipped_limit_bytes": UNZIPPED_LIMIT_BYTES,
        "files": inspection.files,
        "native_files": inspection.native_files,
        "passed": not inspection.errors,
        "findings": [_finding(finding) for finding in inspection.findings],
        "allowed": [{**_finding(allowed.finding), "reason": allowed.reason} for allowed in inspection.allowed],
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule.value,
        "severity": finding.severity.value,
        "file": finding.file,
        "distribution": finding.distribution,
        "subject": finding.subject,
        "observed": finding.observed,
        "expected": finding.expected,
        "advice": finding.advice,
    }
