"""builds: what CodeBuild knows of this configuration's builds, the newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from orchestrator.errors import ConfigurationError
from orchestrator.plan.make import only
from orchestrator.plan.model import Plan
from orchestrator.ports import CodeBuild
from orchestrator.records import BuildRecord
from orchestrator.stages.earlier import SEARCHED_BUILDS

# Ten pages of CodeBuild's lists, for those who ask how things went lately.
_SEARCHED_LATELY = 1000
_NEVER = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Wanted:
    """Which builds to list: those that have one of each that is named. `commits` are full SHAs or beginnings of one."""

    packages: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    hours: int | None = None
    limit: int = 20


@dataclass(frozen=True)
class Listing:
    """Builds, the newest first. `searched` is how many of each package were looked at, 0 if it were all of them."""

    builds: Sequence[BuildRecord]
    searched: int = 0


def list_builds(plan: Plan, wanted: Wanted, codebuild: CodeBuild, now: datetime) -> Listing:
    """Return the builds that are wanted.

    Raises `ConfigurationError` for a package that is not in the plan, and when prebuild has made no project yet.
    """
    names = sorted(item.codebuild_project for item in only(plan, wanted.packages).builds)
    existing = codebuild.projects(names)
    if not existing:
        raise ConfigurationError(
            f"CodeBuild has none of the projects of this configuration in {plan.region}",
            detail=f"expected: {', '.join(names)}",
            hint="run `orchestrator prebuild` first",
        )
    depth = _depth(wanted)
    listed = [codebuild.newest(name, limit=depth) for name in sorted(existing)]
    found = sorted((one for some in listed for one in some if _fits(one, wanted, now)), key=_began, reverse=True)
    cut_off = len(found) < wanted.limit and any(len(some) >= depth for some in listed)
    return Listing(found[: wanted.limit], depth if cut_off else 0)


def running(builds: Collection[BuildRecord]) -> list[str]:
    """Return the ids of those that have not ended."""
    return [one.id for one in builds if not one.complete]


def _depth(wanted: Wanted) -> int:
    if wanted.hours:
        return _SEARCHED_LATELY
    sifted = wanted.refs or wanted.commits or wanted.statuses
    return max(SEARCHED_BUILDS, wanted.limit) if sifted else wanted.limit


def _fits(record: BuildRecord, wanted: Wanted, now: datetime) -> bool:
    commit = record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")
    return (
        (not wanted.refs or record.variables.get("ORCHESTRATOR_REF", "") in wanted.refs)
        and (not wanted.commits or (commit != "" and commit.startswith(wanted.commits)))
        and (not wanted.statuses or record.status in wanted.statuses)
        and (wanted.hours is None or _began(record) >= now - timedelta(hours=wanted.hours))
    )


def _began(record: BuildRecord) -> datetime:
    return record.started or _NEVER
