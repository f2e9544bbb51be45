"""What a rerun is going to do, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from world import DIGEST, SHA, make, record

from orchestrator.costs.prices import Prices
from orchestrator.plan.model import BuildPlan
from orchestrator.render.rerun_text import Facts, rerun_text

(ITEM,) = make().builds
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
DONE = replace(record(ITEM.codebuild_project), started=NOW, ended=NOW + timedelta(seconds=50))
FACTS = Facts(
    commit=SHA,
    ref="main",
    known_as="",
    settings=DIGEST,
    own_settings=DIGEST,
    snapshot_sha256="",
    earlier=None,
    succeeded=DONE,
)


def line(name: str, facts: Facts = FACTS, item: BuildPlan = ITEM, prices: Prices | None = None) -> str:
    """Return what is said of one subject."""
    text = rerun_text(item, facts, prices or Prices("eu-nowhere-1"))
    return next(part for part in text.splitlines() if part.startswith(f"  {name}:")).partition(":")[2].strip()


@pytest.mark.parametrize(("known_as", "whose"), [("", "of this commit is known"), ("v1", "of this commit for v1 is")])
def test_a_first_build_for_a_ref_is_not_called_the_first_of_its_commit(known_as: str, whose: str) -> None:
    """Where only builds for one ref were looked for, nothing is said of those for others."""
    assert f"no build {whose}" in line("why", replace(FACTS, known_as=known_as))


def test_a_cost_that_is_not_known_says_what_is_missing() -> None:
    """Whoever misses the figure learns which price is not there, and where it can be written."""
    assert line("cost") == "not known: no price of arm1.small in eu-nowhere-1; `prices` in orchestrator.yml may name it"
    assert line("cost", prices=Prices("eu-nowhere-1", {"arm1.small": Decimal("0.0034")})).startswith("about $0.0034")
    assert "fleet" in line("cost", item=replace(ITEM, fleet="arn:aws:codebuild:eu-nowhere-1:1:fleet/x"))
    assert "BUILD_GENERAL1_CUSTOM" in line("cost", item=replace(ITEM, compute_type="CUSTOM_BUILD_GENERAL1_CUSTOM"))
    assert line("cost", replace(FACTS, succeeded=None)) == "not known: no build has succeeded yet"
