"""How a build ended, in words: which ending, in which phase, and the last lines of its log."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, Superseded
from orchestrator.ports import BuildLogs
from orchestrator.records import BuildRecord
from orchestrator.redaction import KNOWN
from orchestrator.render.log_text import log_lines
from orchestrator.render.terminal import printable
from orchestrator.stages.setback import ROLE_HINT, Setback, setback
from orchestrator.vocabulary import BuildStatus

_READ_LINES = 500
_SHOWN_LINES = 20


def check_ending(record: BuildRecord, logs: BuildLogs) -> None:
    """Return if the build has succeeded.

    Raises `BuildFailed` for a failure or a time-out, `Superseded` for a stopped build, `ConfigurationError` for one
    whose role kept it from beginning, `MachineryError` for a fault of CodeBuild or an ending that nobody here knows.
    """
    if record.status == BuildStatus.SUCCEEDED:
        return
    what = f"the build `{record.id}` ended {record.status}"
    whole = f"the whole log: `orchestrator logs {record.id}`, or {record.console_url}"
    told = _told(record, logs)
    if record.status == BuildStatus.STOPPED:
        detail = "\n".join(part for part in ("somebody stopped it", told) if part)
        raise Superseded(what, detail=detail, hint=f"`orchestrator rerun --build {record.id}` starts it again")
    if record.status == BuildStatus.TIMED_OUT:
        raise BuildFailed(what, detail=told, hint=f"make it faster, or raise `build.timeout_minutes`; {whole}")
    if setback(record) is Setback.ROLE:
        raise ConfigurationError(
            what,
            detail=told,
            hint=ROLE_HINT,
        )
    if record.status == BuildStatus.FAILED:
        raise BuildFailed(what, detail=told, hint=whole)
    raise MachineryError(what, detail=told, hint="run a new pipeline, or `orchestrator build --fresh`")


def _told(record: BuildRecord, logs: BuildLogs) -> str:
    phase = record.failed_phase
    lines = [f"phase: {phase.name} {phase.status}"] if phase else []
    if phase and phase.message:
        lines.append(printable(phase.message))
    last = _of_phase(logs.last_lines(record, _READ_LINES), phase.name if phase else "")[-_SHOWN_LINES:]
    if last:
        lines += ["", "last lines of the log:", *(f"  {line}" for line in log_lines(last, KNOWN.cleaned))]
    return "\n".join(lines)


def _of_phase(lines: Sequence[str], phase: str) -> Sequence[str]:
    """Return the lines up to the end of a phase: what went wrong stands there, not at the end of the log."""
    ends = [number for number, line in enumerate(lines) if f"Phase complete: {phase} State: " in line]
    return lines[: ends[-1] + 1] if ends else lines
