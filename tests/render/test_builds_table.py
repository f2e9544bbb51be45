"""Builds, packages and phases as they stand on a screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import SHA, make, record

from orchestrator.costs.prices import Prices
from orchestrator.records import BuildRecord, PhaseRecord
from orchestrator.render.artifacts_table import artifacts_table
from orchestrator.render.build_page import Artifact, Page, page_json, page_text, size
from orchestrator.render.builds_table import COLUMNS, DROPPED, Shelf, builds_table, short_age
from orchestrator.render.listing_json import build_json
from orchestrator.render.phase_bars import phase_bars
from orchestrator.render.sections import Paint

PLAN = make("project: demo\nregion: eu-central-1\ngitlab: {project: shop/demo}\npackages: {parser: {}}\n")
NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
SHELF = Shelf(PLAN.by_codebuild_project(), Prices("eu-central-1", {"arm1.small": Decimal("0.004")}), NOW)
PLAIN, COLOURS = Paint(wanted=False), Paint(wanted=True)
BUILT = record(
    started=NOW - timedelta(minutes=5),
    ended=NOW - timedelta(minutes=4),
    machine="ARM_CONTAINER",
    size="BUILD_GENERAL1_SMALL",
    number=7,
    initiator="build-role/job",
)
FAILED = replace(
    BUILT,
    id="demo-parser:11111111-4b5a-6978-8796-a5b4c3d2e1f0",
    status="FAILED",
    phases=(
        PhaseRecord("QUEUED", "SUCCEEDED", 0),
        PhaseRecord("INSTALL", "SUCCEEDED", 20),
        PhaseRecord("BUILD", "FAILED", 40, "exit status 1", "COMMAND_EXECUTION_ERROR"),
        PhaseRecord("COMPLETED", "", None),
    ),
)


def table(*builds: BuildRecord, width: int | None, paint: Paint = PLAIN) -> list[str]:
    """Return the lines of the table."""
    return builds_table(builds, SHELF, width=width, paint=paint).splitlines()


def test_columns_go_in_a_stated_order() -> None:
    """The narrower the screen the fewer columns, always the first ones of the order; the line fits."""
    seen = set()
    for width in range(40, 130):
        lines = table(BUILT, FAILED, width=width)
        gone = [name for name in COLUMNS if name not in lines[0].split()]
        assert set(gone) == set(DROPPED[: len(gone)])
        assert max(map(len, lines)) <= width
        seen.add(len(gone))
    assert seen == set(range(len(DROPPED) + 1))
    assert table(BUILT, FAILED, width=None)[0].split() == list(COLUMNS)


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["SUCCEEDED", "FAILED", "IN_PROGRESS"]))
def test_forty_columns_are_enough(ref: str, commit: str, status: str) -> None:
    """Whatever a build was started with, its row is one line of at most 40 columns that steers nothing."""
    variables = {"ORCHESTRATOR_REF": ref, "ORCHESTRATOR_COMMIT_SHA": commit}
    lines = table(replace(BUILT, status=status, variables=variables), BUILT, width=40)
    assert len(lines) == 3
    assert all(len(line) <= 40 and (line.isprintable()) for line in lines)


def test_long_names_are_cut_on_a_narrow_screen_only() -> None:
    """A long package gives way to the rest; in a file nothing is cut off."""
    name = "thumbnails-of-the-whole-shop"
    shelf = replace(SHELF, items={"demo-parser": replace(PLAN.builds[0], package=name)})
    narrow = builds_table([BUILT], shelf, width=40, paint=PLAIN)
    assert max(map(len, narrow.splitlines())) <= 40
    assert "…" in narrow
    ref = "feature/" + "x" * 60
    long = replace(BUILT, variables={"ORCHESTRATOR_REF": ref})
    assert ref in builds_table([long], shelf, width=None, paint=PLAIN)
    assert ref not in builds_table([long], shelf, width=200, paint=PLAIN)


def test_builds_that_begin_alike_are_shown_whole() -> None:
    """What stands in the first column names one build only."""
    twin = replace(BUILT, id=BUILT.id[:-1] + "f")
    assert [line.split()[0] for line in table(BUILT, twin, width=None)[1:]] == [BUILT.uuid, twin.uuid]


def test_colours_change_no_width() -> None:
    """Without colours the table has no escape sequence, with them the same columns."""
    plain = table(BUILT, FAILED, width=100)
    coloured = table(BUILT, FAILED, width=100, paint=COLOURS)
    assert not any("\x1b" in line for line in plain)
    assert "\x1b[31;1m" in coloured[2]
    assert "\x1b[32;1m" in coloured[1]
    assert plain[0] == coloured[0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (-5, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_ages_have_one_unit(seconds: int, text: str) -> None:
    """An age is told in the largest unit that has passed."""
    assert short_age(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize("width", [None, 80, 40, 20])
@pytest.mark.parametrize("bar", ["█", "#"])
def test_bars_are_as_long_as_phases_take(width: int | None, bar: str) -> None:
    """The longest phase has the longest bar, any that took time at least one character, others none."""
    lines = phase_bars(FAILED.phases, NOW, width=width, paint=PLAIN, bar=bar).splitlines()
    queued, install, build = (line.count(bar) for line in lines)
    assert queued == 0
    assert 0 < install <= (build + 1) // 2 + 1
    assert build >= 4
    assert "FAILED" in lines[2]
    assert len(lines) == 3
    if width and width >= 40:
        assert max(map(len, lines)) <= width


def test_a_phase_that_runs_grows() -> None:
    """The bar of a running phase is measured until now, and says that it runs."""
    phases = [
        PhaseRecord("INSTALL", "SUCCEEDED", 10),
        PhaseRecord("BUILD", "", None, began=NOW - timedelta(seconds=40)),
    ]
    line = phase_bars(phases, NOW, width=None, paint=PLAIN, bar="#").splitlines()[1]
    assert line.count("#") == 40
    assert line.endswith("40 s  running")
    assert phase_bars([], NOW, width=None, paint=PLAIN, bar="#") == ""


def test_a_page_says_all_that_is_known() -> None:
    """The page of a failed build has its phases, why it failed, its cost, its package and links to look on."""
    page = Page(FAILED, SHELF, PLAN.gitlab, Artifact("bucket", "a/package.zip", 1_234_567, "e" * 64), "because")
    text = page_text(page, width=100, paint=PLAIN, bar="#")
    for part in (
        FAILED.id,
        "number 7",
        "FAILED in BUILD",
        "BUILD: COMMAND_EXECUTION_ERROR: exit status 1",
        "because",
        "s3://bucket/a/package.zip",
        "1.2 MB",
        "about $0.004",
        "https://gitlab.com/shop/demo/-/pipelines/99",
        f"https://gitlab.com/shop/demo/-/commit/{SHA}",
        FAILED.console_url,
    ):
        assert part in text
    told = page_json(page)
    assert told["failure"] == "because"
    assert told["artifact"]["size_bytes"] == 1_234_567
    assert told["cost"]["estimate"] == 0.004


@given(st.text(), st.text(), st.text())
def test_nothing_on_a_page_steers_the_terminal(ref: str, message: str, image: str) -> None:
    """Refs, messages of phases and images are text of others."""
    phases = (PhaseRecord("BUILD", "FAILED", 1, message, "CODE"),)
    odd = replace(
        FAILED, phases=phases, image=image, variables={"ORCHESTRATOR_REF": ref, "ORCHESTRATOR_PIPELINE_ID": ref}
    )
    for width in (None, 40):
        text = page_text(Page(odd, SHELF, PLAN.gitlab, None, message), width=width, paint=PLAIN, bar="#")
        assert all(c in "\n\t" or c.isprintable() for c in text)


def test_what_is_not_known_is_null() -> None:
    """A build of which CodeBuild tells next to nothing has nulls in its document, and no invented value."""
    bare = record(variables={}, phases=(), status="IN_PROGRESS", complete=False)
    told = build_json(bare, Shelf({}, Prices("eu-central-1"), NOW))
    nothing = {name for name, value in told.items() if value is None}
    assert nothing == {
        "package", "architecture", "runtime", "ref", "commit", "pipeline_id", "phase", "started", "ended",
        "duration_seconds", "cost",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000_000, "2.5 GB")]
)
def test_sizes_are_decimal(count: int, text: str) -> None:
    """Sizes are told as AWS tells them, in powers of a thousand."""
    assert size(count) == text


@pytest.mark.parametrize("width", [None, 80, 40, 20])
def test_stored_packages_fit_the_screen(width: int | None) -> None:
    """Build, package and size are there on any screen."""
    row = {"build": "0f1e2d3c", "package": "thumbnails-of-the-whole-shop", "ref": "main", "commit": "01234567"}
    row |= {"age": "3 d", "size": "1.2 MB", "made": "", "state": "incomplete", "why": "older than 14 days"}
    lines = artifacts_table([row], width=width).splitlines()
    assert lines[0].split()[:2] == ["build", "package"]
    assert "made" not in lines[0]
    assert "1.2 MB" in lines[1]
    if width and width >= 40:
        assert max(map(len, lines)) <= width
