"""The builds of a configuration, as they are asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from world import OTHER_SHA, SHA, FakeCodeBuild, make, project, record

from orchestrator.errors import ConfigurationError
from orchestrator.stages.listing import Wanted, list_builds, running

PLAN = make("project: demo\nregion: eu-central-1\npackages: {parser: {}, other: {}}\n")
NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
OLD = record(
    id="demo-parser:old",
    status="FAILED",
    started=NOW - timedelta(hours=30),
    variables={"ORCHESTRATOR_COMMIT_SHA": OTHER_SHA, "ORCHESTRATOR_REF": "feature"},
)
NEW = record(id="demo-parser:new", started=NOW - timedelta(hours=1))
RUNS = record("demo-other", id="demo-other:runs", status="IN_PROGRESS", complete=False, started=NOW)
BY_HAND = record("demo-other", id="demo-other:hand", variables={}, started=NOW - timedelta(hours=2))
WORLD = FakeCodeBuild(
    known={name: project(name) for name in ("demo-parser", "demo-other")},
    records={one.id: one for one in (OLD, BY_HAND, NEW, RUNS)},
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [RUNS, NEW, BY_HAND, OLD]),
        (Wanted(limit=2), [RUNS, NEW]),
        (Wanted(packages=("parser",)), [NEW, OLD]),
        (Wanted(refs=("feature",)), [OLD]),
        (Wanted(refs=("feature", "main")), [RUNS, NEW, OLD]),
        (Wanted(commits=(SHA[:7],)), [RUNS, NEW]),
        (Wanted(commits=("",)), [RUNS, NEW, OLD]),
        (Wanted(statuses=("FAILED", "IN_PROGRESS")), [RUNS, OLD]),
        (Wanted(hours=24), [RUNS, NEW, BY_HAND]),
        (Wanted(hours=24, statuses=("FAILED",)), []),
    ],
    ids=["all", "limit", "package", "ref", "refs", "commit", "any commit", "statuses", "hours", "nothing"],
)
def test_builds_are_sifted(wanted: Wanted, found: list[object]) -> None:
    """The newest of all packages come first; each filter keeps what has one of its values."""
    assert list(list_builds(PLAN, wanted, WORLD, NOW).builds) == found


def test_a_search_that_ends_early_says_so() -> None:
    """What lies further back than was looked is not passed over in silence."""
    many = {f"demo-parser:{number}": replace(NEW, id=f"demo-parser:{number}") for number in range(250)}
    world = replace(WORLD, records=many)
    assert list_builds(PLAN, Wanted(statuses=("FAILED",)), world, NOW).searched == 200
    assert list_builds(PLAN, Wanted(limit=5), world, NOW).searched == 0


def test_only_what_has_not_ended_is_watched() -> None:
    """A live table asks after running builds only."""
    assert running([OLD, RUNS, NEW]) == [RUNS.id]


@pytest.mark.parametrize(("wanted", "words"), [(Wanted(), "none of the projects"), (Wanted(("pasrer",)), "no package")])
def test_what_cannot_be_listed_is_named(wanted: Wanted, words: str) -> None:
    """Without a project in CodeBuild, or for a package that nobody knows, there is an error and no empty table."""
    with pytest.raises(ConfigurationError, match=words):
        list_builds(PLAN, wanted, FakeCodeBuild(), NOW)
