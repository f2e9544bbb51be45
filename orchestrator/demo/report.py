"""What the demo shows at its end: each stage, its seconds, what it did, and where the evidence lies."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.demo.collect import Delivered
from orchestrator.demo.watch import Loop
from orchestrator.records import PhaseRecord

# Paths hold brackets and colons that are no markup.
_AS_IT_IS: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True}


@dataclass(frozen=True)
class Row:
    """One stage or phase of the loop. `seconds` is None where nothing was measured."""

    stage: str
    seconds: float | None
    did: str


@dataclass(frozen=True)
class Outcome:
    """A loop that has closed."""

    project: str
    commit: str
    build_ids: tuple[str, ...]
    rows: tuple[Row, ...]
    seconds: float
    packages: tuple[Path, ...]
    evidence: Path

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as plain data."""
        return {**asdict(self), "packages": [str(path) for path in self.packages], "evidence": str(self.evidence)}


def rows_of(
    loop: Loop, packages: Sequence[Delivered], *, started_seconds: float, pushed_seconds: float
) -> tuple[Row, ...]:
    """Return the closing table of a loop that has closed."""
    rows = [
        Row("local", started_seconds, "AWS and GitLab stand-ins on loopback"),
        Row("push", pushed_seconds, f"commit {loop.commit[:12]}, which starts the push pipeline"),
        Row("prebuild", _job_seconds(loop, "prebuild"), "Terraform applied the CodeBuild project"),
        Row("build", _job_seconds(loop, "build"), "snapshot of the commit to S3, build started"),
    ]
    for build in loop.builds.values():
        rows.append(Row("CodeBuild", _total(build.phases), f"{build.id} {build.status}"))
        rows += [Row(f"  {phase.name}", phase.seconds, phase.status) for phase in build.phases if phase.seconds]
    rows += [Row("postbuild", package.seconds, _verified(package)) for package in packages]
    known = {"prebuild", "build", "postbuild"}
    for jobs in loop.jobs.values():
        rows += [
            Row(job.name, job.seconds, f"stage {job.stage}: {job.status}") for job in jobs if job.name not in known
        ]
    return tuple(rows)


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print the closing table and where to look."""
    table = Table(
        title=Text(f"{outcome.project}: the loop closed in {outcome.seconds:.0f} s"), title_justify="left", box=None
    )
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    table.add_column("what it did", overflow="fold")
    for row in outcome.rows:
        table.add_row(Text(row.stage), "" if row.seconds is None else f"{row.seconds:.1f}", Text(row.did))
    console.print(table)
    console.print()
    for package in outcome.packages:
        console.print(f"package:   {package} ({_contents(package)})", **_AS_IT_IS)
    console.print(f"evidence:  {outcome.evidence} (job logs, build log, plan, Terraform state)", **_AS_IT_IS)


def write_outcome(outcome: Outcome) -> None:
    """Keep the outcome beside the evidence."""
    (outcome.evidence / "outcome.json").write_text(json.dumps(outcome.as_json(), indent=2) + "\n", encoding="utf-8")


def _contents(package: Path) -> str:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
    native = sum(1 for name in names if name.endswith(".so") or ".so." in name)
    return f"{len(names)} files, {native} of them native"


def _verified(package: Delivered) -> str:
    manifest = package.manifest
    return (
        f"{package.name} verified: {manifest['kind']} for {manifest['architecture']}, {manifest['size_bytes']} bytes, "
        f"sha256 {manifest['sha256'][:12]}"
    )


def _job_seconds(loop: Loop, name: str) -> float | None:
    job = loop.job(name)
    return job.seconds if job else None


def _total(phases: Iterable[PhaseRecord]) -> float:
    return float(sum(phase.seconds or 0 for phase in phases))
