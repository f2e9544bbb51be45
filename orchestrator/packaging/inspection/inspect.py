"""The story of an inspection: read the zip, ask every rule, name who brought each file, set aside what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from orchestrator.errors import Refused
from orchestrator.packaging.files import sha256_of
from orchestrator.packaging.inspection.advice import general_advice
from orchestrator.packaging.inspection.bytecode import check_bytecode
from orchestrator.packaging.inspection.distributions import Distributions, read_distributions
from orchestrator.packaging.inspection.entries import check_entries
from orchestrator.packaging.inspection.filesystem import FileSystem, Part
from orchestrator.packaging.inspection.hollow import check_hollow
from orchestrator.packaging.inspection.libraries import check_libraries
from orchestrator.packaging.inspection.model import Allowance, Allowed, Finding, Inspection, Rule, Severity
from orchestrator.packaging.inspection.native import check_native
from orchestrator.packaging.inspection.open_zip import OpenZip, open_zip
from orchestrator.packaging.inspection.problem import Problem
from orchestrator.packaging.inspection.whole import check_placeholders, check_size
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.zip_end import UnreadableZip

_SHOWN = 20


def inspect(
    package: Path,
    target: Target,
    *,
    layers: Sequence[Path] = (),
    allowed: Sequence[Allowance] = (),
    origins: Mapping[str, str] | None = None,
) -> Inspection:
    """Read every member of the zip and judge it for the target.

    `layers` are zips that are below the same function: libraries are found in them and their size counts, but their
    own files are not judged. `origins` tells the distribution of files as far as it is known; else RECORD files and
    names tell it. A zip that cannot be read is a finding, too. Raises OSError.
    """
    try:
        below = [open_zip(layer, target) for layer in layers]
        opened = open_zip(package, target)
    except UnreadableZip as error:
        problem = Problem(Rule.CONTENT, error.file, "zip", error.observed, "a zip that every program reads alike")
        finding = _finding(problem, Distributions(), {})
        return Inspection(sha256_of(package), package.stat().st_size, 0, 0, 0, (finding,), ())
    distributions = read_distributions((member.name for member in opened.members), opened.contents.descriptions)
    problems = _problems(opened, below, distributions, target)
    findings = sorted((_finding(problem, distributions, origins or {}) for problem in problems), key=_order)
    kept, set_aside = _judged(findings, allowed)
    return Inspection(
        opened.sha256,
        opened.size_bytes,
        opened.unzipped_bytes,
        opened.files,
        len(opened.contents.elves),
        kept,
        set_aside,
        sum(layer.unzipped_bytes for layer in below),
    )


def refuse_findings(inspection: Inspection, target: Target) -> None:
    """Raise Refused that names every error, if there is one."""
    errors = inspection.errors
    if not errors:
        return
    more = [f"and {len(errors) - _SHOWN} more"] if len(errors) > _SHOWN else []
    advice = dict.fromkeys(finding.advice for finding in errors)
    raise Refused(
        f"the package cannot run on {target}",
        detail="\n".join([*(str(finding) for finding in errors[:_SHOWN]), *more]),
        hint="\n      ".join(list(advice)[:5]),
    )


def _problems(
    opened: OpenZip, below: Sequence[OpenZip], distributions: Distributions, target: Target
) -> Iterator[Problem]:
    """Ask every rule."""
    contents = opened.contents
    yield from check_entries(opened.members, contents, target)
    yield from (
        Problem(Rule.CONTENT, name, "member", error.observed, error.expected)
        for name, error in contents.unreadable.items()
    )
    yield from check_hollow(contents.hollow)
    yield from check_size(opened.name, opened.members, [layer.unzipped_bytes for layer in below])
    native = check_native(contents, distributions, target)
    yield from native.problems
    files = FileSystem(opened.part("", native.fitting), [_below(layer, target) for layer in below])
    yield from check_libraries(files, contents, distributions, target)
    yield from check_placeholders(opened.members, distributions)
    yield from check_bytecode(opened.members, contents, distributions, target)


def _below(layer: OpenZip, target: Target) -> Part:
    """Return a layer with what of its machine code the target can load."""
    return layer.part(layer.name, check_native(layer.contents, Distributions(), target).fitting)


def _finding(problem: Problem, distributions: Distributions, origins: Mapping[str, str]) -> Finding:
    distribution = origins.get(problem.file) or str(distributions.of(problem.file) or "")
    advice = problem.advice or general_advice(problem.rule)
    return Finding(
        problem.rule,
        problem.severity,
        problem.file,
        distribution,
        problem.subject,
        problem.observed,
        problem.expected,
        advice,
    )


def _order(finding: Finding) -> tuple[bool, str, str, str, str]:
    warning = finding.severity is Severity.WARNING
    return (warning, finding.distribution, finding.file, finding.rule.value, finding.subject)


def _judged(
    findings: Iterable[Finding], allowed: Sequence[Allowance]
) -> tuple[tuple[Finding, ...], tuple[Allowed, ...]]:
    """Set aside the findings that somebody has decided to live with."""
    kept, set_aside = [], []
    for finding in findings:
        reason = next((allowance.reason for allowance in allowed if _covers(allowance, finding)), None)
        if reason is None:
            kept.append(finding)
        else:
            set_aside.append(Allowed(finding, reason))
    return tuple(kept), tuple(set_aside)


def _covers(allowance: Allowance, finding: Finding) -> bool:
    return (
        allowance.rule is finding.rule
        and fnmatchcase(finding.file, allowance.file)
        and fnmatchcase(finding.subject, allowance.subject)
    )
