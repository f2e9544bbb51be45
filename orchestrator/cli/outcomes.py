"""What became of builds: what is kept of it for later, what is said of it, and the failure that speaks for all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from orchestrator.cli import looks
from orchestrator.cli.project import Project
from orchestrator.cli.screen import narrate
from orchestrator.costs.estimate import estimate, money
from orchestrator.effects.files import write_bytes, write_json, write_text
from orchestrator.errors import OrchestratorError
from orchestrator.plan.names import split_build_id
from orchestrator.redaction import KNOWN
from orchestrator.render.junit import Case, build_report
from orchestrator.render.outcome_table import Row, duration, outcome_table
from orchestrator.render.sections import Paint
from orchestrator.stages.build import StartedBuild
from orchestrator.stages.delivery import Desk, refuse_tracked
from orchestrator.stages.wait import Awaited, Outcome, exit_code
from orchestrator.vocabulary import BuildStatus

# Stopped or overtaken: nobody has to do anything.
_NO_FAILURE = 4


class SeveralFailed(OrchestratorError):
    """Not every build has succeeded; the exit code is that of the worst class among them."""

    def __init__(self, failed: Sequence[Outcome], code: int) -> None:
        super().__init__(
            f"{len(failed)} packages were not built and brought home",
            detail="\n\n".join(f"{one.awaited.package}: {_told(one.error)}" for one in failed),
            hint="`orchestrator rerun --failed` builds these again",
        )
        self.exit_code = code


def note(project: Project, begun: Sequence[StartedBuild], outcomes: Sequence[Outcome]) -> None:
    """Keep what became of builds so far: `builds.json` of those that were begun here, and `junit.xml`."""
    known = {one.awaited.package: one for one in outcomes}
    if begun:
        builds = [{**one.__dict__, **_as_json(known.get(one.package))} for one in begun]
        write_json(project.work / "builds.json", {"builds": builds})
    report = build_report(f"orchestrator {project.plan.project}", [_case(one) for one in outcomes])
    write_text(project.work / "junit.xml", report)


def table(project: Project, outcomes: Sequence[Outcome], paint: Paint) -> str:
    """Return the table of all packages, as wide as the terminal is."""
    return outcome_table([_row(project, one) for one in outcomes], width=looks.width(), paint=paint)


def name_packages(outcomes: Sequence[Outcome]) -> None:
    """Say which packages are there."""
    for one in outcomes:
        if one.delivered:
            manifest = one.delivered.manifest
            narrate(
                f"{one.delivered.package}: {manifest.package} for {manifest.architecture} {manifest.runtime}, "
                f"{manifest.size_bytes} bytes, sha256 {manifest.sha256}"
            )


def raise_failure(outcomes: Sequence[Outcome]) -> None:
    """Raise the failure if there is one, `SeveralFailed` if there are more."""
    failed = [one for one in outcomes if one.error]
    if len(failed) > 1:
        raise SeveralFailed(failed, exit_code(outcomes))
    if failed and failed[0].error:
        raise failed[0].error


def fetched(project: Project, desk: Desk, package: str, output: Path) -> Outcome:
    """Bring a package that was made on this machine to where the others go; no file of the user is replaced."""
    items = {item.package: item for item in project.plan.builds}
    kept = project.work / "packages" / package
    error = None
    try:
        refuse_tracked(desk, output)
        with desk.files():
            for path in sorted(kept.iterdir()):
                write_bytes(output / path.name, path.read_bytes())
    except OrchestratorError as failure:
        error = failure
    return Outcome(Awaited(package, "", "", output), items.get(package), error=error)


def status_of(one: Outcome) -> str:
    """Return how a build ended, and whether its package came home."""
    if one.record is None and split_build_id(one.awaited.build_id):
        return "lost"
    if one.error and (one.record is None or one.record.status == BuildStatus.SUCCEEDED):
        return {5: "refused", 4: "overtaken"}.get(one.error.exit_code, "not brought")
    return one.record.status if one.record else "made here"


def _row(project: Project, one: Outcome) -> Row:
    return Row(
        package=one.awaited.package,
        target=str(one.item.target) if one.item else "",
        status=status_of(one),
        duration=duration(one.seconds),
        cost=_cost(project, one),
        good=one.error is None,
    )


def _cost(project: Project, one: Outcome) -> str:
    if one.record is None:
        return ""
    fleet = bool(one.item and one.item.fleet)
    found = estimate(one.record, looks.prices(project.configuration), datetime.now(timezone.utc), fleet=fleet)
    return money(found.dollars) if found else ""


def _case(one: Outcome) -> Case:
    text = KNOWN.cleaned(_told(one.error))
    return Case(
        package=one.awaited.package,
        target=str(one.item.target) if one.item else "",
        seconds=one.seconds or 0.0,
        failure=KNOWN.cleaned(one.error.what) if one.error else "",
        text=text,
        skipped=one.exit_code == _NO_FAILURE,
    )


def _as_json(one: Outcome | None) -> dict[str, object]:
    if one is None:
        return {"status": "waiting"}
    return {
        "status": status_of(one),
        "exit_code": one.exit_code,
        "seconds": one.seconds,
        "error": KNOWN.cleaned(one.error.what) if one.error else None,
    }


def _told(error: OrchestratorError | None) -> str:
    return str(error) if error else ""
