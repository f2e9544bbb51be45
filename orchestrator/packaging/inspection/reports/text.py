"""An inspection for a terminal: what was looked at, what is wrong by distribution, and one line to remember."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.packaging.inspection.model import Finding, Rule
from orchestrator.packaging.inspection.reports.subject import Inspected
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES

# Lambda's "MB" are units of 1,024 KB (quota page).
_MB = 1024 * 1024
_SHOWN_FILES = 2
_BAR = 20
_SUBJECT = "\0"
# Rules whose observation leaves no question of what was expected.
_SELF_EXPLAINING = {
    Rule.BYTECODE,
    Rule.DUPLICATE,
    Rule.LIBRARY,
    Rule.LINK,
    Rule.NAME,
    Rule.PLACEHOLDER,
    Rule.UNPROMISED,
}


def as_text(inspected: Inspected) -> str:
    """Return the report; its last line is the summary."""
    inspection = inspected.inspection
    lines = [*_head(inspected), ""]
    package = inspected.package.rpartition("/")[2]
    by_origin: dict[str, list[Finding]] = {}
    for finding in inspection.findings:
        origin = finding.distribution or ("the package" if finding.file == package else "the application")
        by_origin.setdefault(origin, []).append(finding)
    for origin, findings in sorted(by_origin.items()):
        lines += [origin, *_findings(findings), ""]
    for allowed in inspection.allowed:
        finding = allowed.finding
        lines.append(f"allowed  {finding.rule.value}  {finding.file}: {finding.subject} ({allowed.reason})")
    if inspection.allowed:
        lines.append("")
    return "\n".join([*lines, _summary(inspected)]) + "\n"


def _head(inspected: Inspected) -> Iterator[str]:
    inspection, target = inspected.inspection, inspected.target
    total = inspection.unzipped_bytes + inspection.layers_unzipped_bytes
    filled = min(_BAR, -(-_BAR * total // UNZIPPED_LIMIT_BYTES))
    layers = ""
    if inspected.layers:
        layers = f", {_mb(inspection.layers_unzipped_bytes)} of it in layers"
    yield f"{inspected.package} for {target} ({target.runtime.system})"
    yield f"  {inspection.files} files, {inspection.native_files} of them machine code"
    yield f"  {_mb(inspection.size_bytes)} zipped, sha256 {inspection.sha256.hex()}"
    yield f"  {_mb(total)} unzipped of {_mb(UNZIPPED_LIMIT_BYTES)} [{'#' * filled:.<{_BAR}}]{layers}"


@dataclass
class _Row:
    """Findings that say the same of different files or libraries."""

    finding: Finding
    sentence: str
    subjects: dict[str, None] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)

    def lines(self, width: int) -> Iterator[str]:
        head = f"  {self.finding.severity.value:<7}  {self.finding.rule.value:<{width}}  "
        subjects = ", ".join(f"`{subject}`" for subject in self.subjects)
        expected = "" if self.finding.rule in _SELF_EXPLAINING else f"; expected {self.finding.expected}"
        yield f"{head}{self.sentence.replace(_SUBJECT, subjects)}{expected}"
        names = list(self.files)
        more = f" and {len(names) - _SHOWN_FILES} more" if len(names) > _SHOWN_FILES else ""
        yield f"{'':{len(head)}}in {', '.join(names[:_SHOWN_FILES])}{more}"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the findings of one distribution: those with the same advice together, and of a kind only once."""
    by_advice: dict[str, dict[tuple[str, ...], _Row]] = {}
    for finding in findings:
        # The name of the library stands above the advice already.
        advice = finding.advice.rpartition(f" needs {finding.subject}: ")[2]
        sentence = finding.observed.replace(f"`{finding.subject}`", _SUBJECT)
        key = (finding.severity.value, finding.rule.value, sentence, finding.expected)
        row = by_advice.setdefault(advice, {}).setdefault(key, _Row(finding, sentence))
        row.subjects[finding.subject] = None
        row.files[finding.file] = None
    width = max(len(finding.rule.value) for finding in findings)
    for advice, rows in by_advice.items():
        for row in rows.values():
            yield from row.lines(width)
        yield f"  -> {advice}"


def _summary(inspected: Inspected) -> str:
    inspection = inspected.inspection
    errors = len(inspection.errors)
    parts = [_counted(errors, "error"), _counted(len(inspection.findings) - errors, "warning")]
    parts += [f"{len(inspection.allowed)} allowed"] if inspection.allowed else []
    verdict = "cannot run as it is" if errors else "fits"
    return f"{verdict}: {', '.join(parts)}"


def _counted(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / _MB:.1f} MB"
