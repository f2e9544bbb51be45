"""What earlier runs have left of a build that is wanted: it still runs, its package is there, or it has failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError
from orchestrator.plan.digest import digest
from orchestrator.plan.model import BuildPlan
from orchestrator.records import BuildRecord
from orchestrator.stages.setback import ROLE_HINT, Setback, setback
from orchestrator.vocabulary import BuildStatus, Kind

# CodeBuild lists 100 builds on a page; what is further back than two pages is not looked for.
SEARCHED_BUILDS = 200
_OWN_FAULT = {BuildStatus.FAILED, BuildStatus.TIMED_OUT}
_MOST_FAULTS = 2
_LOCKS = re.compile(r"pylock(\.[^.]+)?\.toml|uv\.lock")


@dataclass(frozen=True)
class Wish:
    """A build that is wanted: its marker, its commit, and the ref and pipeline (empty outside CI) that want it.

    `snapshot_sha256` is what the archive of the commit must be, empty for a build that clones.
    """

    marker: str
    commit: str
    ref: str
    pipeline_id: str
    snapshot_sha256: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """What the build is told: these variables and no others."""
        return {
            "ORCHESTRATOR_COMMIT_SHA": self.commit,
            "ORCHESTRATOR_REF": self.ref,
            "ORCHESTRATOR_SNAPSHOT_SHA256": self.snapshot_sha256,
            "ORCHESTRATOR_PIPELINE_ID": self.pipeline_id,
            "ORCHESTRATOR_MARKER": self.marker,
        }

    def token(self, attempt: int, fresh: str = "") -> str:
        """Return what makes CodeBuild give everybody the same build, at most 64 characters (API: StartBuild)."""
        return digest([self.marker, self.snapshot_sha256, self.ref, attempt, fresh])

    def alike(self, records: Iterable[BuildRecord]) -> list[BuildRecord]:
        """Return the builds of the same commit, archive and settings, in the order of `records`."""
        names = ("ORCHESTRATOR_MARKER", "ORCHESTRATOR_COMMIT_SHA", "ORCHESTRATOR_SNAPSHOT_SHA256")
        wanted = {name: self.variables[name] for name in names}
        return [one for one in records if all(one.variables.get(name, "") == text for name, text in wanted.items())]

    def asked_for(self, record: BuildRecord) -> bool:
        """Tell whether this pipeline has started the build, in an earlier run of the job."""
        return bool(self.pipeline_id) and record.variables.get("ORCHESTRATOR_PIPELINE_ID") == self.pipeline_id

    def comes_to_ref(self, record: BuildRecord) -> bool:
        """Tell whether a build comes home to the ref that wants it."""
        return record.variables.get("ORCHESTRATOR_REF") == self.ref

    def same_ask(self, record: BuildRecord) -> bool:
        """Tell whether a build was started for the same pipeline, or at a terminal like this one, and for the ref."""
        return self.comes_to_ref(record) and record.variables.get("ORCHESTRATOR_PIPELINE_ID", "") == self.pipeline_id


def wish_behind(record: BuildRecord) -> Wish:
    """Return what a build was started for, as its variables say."""
    told = record.variables.get
    return Wish(
        told("ORCHESTRATOR_MARKER", ""),
        told("ORCHESTRATOR_COMMIT_SHA", ""),
        told("ORCHESTRATOR_REF", ""),
        told("ORCHESTRATOR_PIPELINE_ID", ""),
        told("ORCHESTRATOR_SNAPSHOT_SHA256", ""),
    )


def live(alike: Sequence[BuildRecord], ref: str) -> BuildRecord | None:
    """Return the newest build that still runs and comes home to this ref."""
    return next((one for one in alike if not one.complete and one.variables.get("ORCHESTRATOR_REF") == ref), None)


def reusable(alike: Sequence[BuildRecord], item: BuildPlan, now: datetime) -> list[BuildRecord]:
    """Return the builds whose package may be taken again, the newest first, if it is still stored."""
    if not item.reuse_hours:
        return []
    oldest = now - timedelta(hours=item.reuse_hours)
    return [
        one
        for one in alike
        if one.status == BuildStatus.SUCCEEDED
        and one.exported.get("ORCHESTRATOR_MANIFEST_SHA256")
        and (is_locked(item) or (one.ended is not None and one.ended >= oldest))
    ]


def is_locked(item: BuildPlan) -> bool:
    """Tell whether a later build could take no other dependencies than an earlier one, as far as the plan shows."""
    if item.kind is Kind.CUSTOM or item.commands or item.system_packages:
        return False
    return item.requirements is None or bool(_LOCKS.fullmatch(PurePosixPath(item.requirements).name))


def check_repeatable(alike: Sequence[BuildRecord], wish: Wish) -> None:
    """Raise if another build in the same pipeline would only repeat a failure.

    GitLab runs a job again by itself, and nobody can tell that from a person who does. So a build that failed by its
    own fault (`BuildFailed`) is repeated by a new pipeline only, and one that CodeBuild did not carry out once (after a
    fault `MachineryError`, after a denial `ConfigurationError`).
    """
    ended = [one for one in alike if one.complete and wish.asked_for(one) and one.status != BuildStatus.STOPPED]
    if not ended or ended[0].status == BuildStatus.SUCCEEDED:
        return
    hint = "run a new pipeline, or `orchestrator build --fresh`"
    if ended[0].status in _OWN_FAULT and setback(ended[0]) is None:
        raise BuildFailed(
            f"the build `{ended[0].id}` of this commit and these settings ended {ended[0].status}",
            detail="expected: a correction, because this pipeline has built it already",
            hint=f"correct the package; if the cause lay elsewhere, {hint}",
        )
    faults = [one for one in ended if setback(one) or one.status not in {*_OWN_FAULT, BuildStatus.SUCCEEDED}]
    if len(faults) < _MOST_FAULTS:
        return
    what = f"{len(faults)} builds of this commit ended {ended[0].status}"
    detail = f"the last: {faults[0].id}\nexpected: at most one in a pipeline that CodeBuild did not carry out"
    if setback(faults[0]) is Setback.ROLE:
        raise ConfigurationError(what, detail=detail, hint=ROLE_HINT)
    raise MachineryError(what, detail=detail, hint=f"look at the build project in the AWS console, then {hint}")


def older(records: Iterable[BuildRecord], wish: Wish) -> list[BuildRecord]:
    """Return the running builds of other commits of the same ref that earlier pipelines have started.

    GitLab's pipeline ids only grow, so a retried job of an old pipeline stops nothing newer. Without ids none is old.
    """
    return [
        one
        for one in records
        if not one.complete
        and one.variables.get("ORCHESTRATOR_REF") == wish.ref
        and one.variables.get("ORCHESTRATOR_COMMIT_SHA", "") not in {"", wish.commit}
        and 0 < _number(one.variables.get("ORCHESTRATOR_PIPELINE_ID", "")) < _number(wish.pipeline_id)
    ]


def age(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, in words."""
    minutes = int((now - moment).total_seconds() // 60) if moment else -1
    if minutes < 0:
        return "just now"
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'} ago"
    return f"{minutes // 60} hours ago"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0
