"""The stages with `return: wait`: nobody is told of a build, and whoever has waited for it takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_stage_earlier import SMALL, Job, earlier
from test_stage_homecoming import BUILD_ID, KEY, Home
from world import SHA, UUID, make

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError, Refused, Superseded
from orchestrator.stages.assembled import ThisPipeline
from orchestrator.stages.together import WORST_FIRST, bring_together, worst

WAIT = make("project: demo\nregion: eu-central-1\nreturn: wait\nartifacts: {prefix: team}\npackages: {parser: {}}\n")
TWO = make("project: demo\nregion: eu-central-1\nreturn: wait\npackages: {parser: {architecture: [arm64, x86_64]}}\n")
IDS = [f"demo-parser-arm64:{UUID}", f"demo-parser-x86-64:{UUID}"]
FAILURES = [BuildFailed, ConfigurationError, MachineryError, OrchestratorError, Refused, Superseded]


def test_every_pipeline_that_has_waited_takes_the_build(tmp_path: Path) -> None:
    """Two pipelines that wait for one build both hear how it ended; the first one stays noted."""
    home = Home(tmp_path, plan=WAIT)
    home.ended("FAILED")
    for pipeline in ("7", "8"):
        with pytest.raises(BuildFailed):
            home.run(pipeline)
    assert home.status.reports == [(SHA, "failed"), (SHA, "failed")]
    assert home.mark == {"build_id": BUILD_ID, "state": "home", "pipeline_id": "7"}
    assert KEY in home.store.objects


def test_what_was_built_before_starts_no_pipeline() -> None:
    """A package that is there already goes on in this pipeline: its id is noted, and nothing is started."""
    job = Job()
    job.pipelines = ThisPipeline()  # type: ignore[assignment]
    job.left(earlier())
    begun = job.build(make(SMALL + "return: wait\n"))
    assert job.codebuild.started == []
    assert not [line for line in job.said if "pipeline" in line]
    assert [one.build_id for one in begun] == [f"demo-parser:{UUID}"]


def test_each_package_has_its_folder(tmp_path: Path) -> None:
    """Several packages lie in a folder each, a single one in the folder itself."""
    told: list[tuple[str, Path]] = []

    def bring(build_id: str, output: Path) -> Any:
        told.append((build_id, output))

    assert [one.package for one in bring_together(TWO, IDS, tmp_path, bring)] == ["parser-arm64", "parser-x86-64"]
    assert told == [(IDS[0], tmp_path / "parser-arm64"), (IDS[1], tmp_path / "parser-x86-64")]
    told.clear()
    list(bring_together(TWO, IDS[:1], tmp_path, bring))
    assert told == [(IDS[0], tmp_path)]


def test_one_that_fails_keeps_no_other_away(tmp_path: Path) -> None:
    """Every package is tried, and each failure is told with its package."""

    def bring(build_id: str, output: Path) -> Any:
        if build_id == IDS[0]:
            raise BuildFailed("no such header")
        return output

    first, second = bring_together(TWO, IDS, tmp_path, bring)
    assert isinstance(first.error, BuildFailed)
    assert (first.delivered, second.delivered) == (None, tmp_path / "parser-x86-64")


@pytest.mark.parametrize("stranger", [f"other-parser:{UUID}", "../../x", f"assembled:other:{SHA}:{UUID}:{'0' * 64}"])
def test_a_stranger_among_them_stops_all(tmp_path: Path, stranger: str) -> None:
    """An id of another project, or none at all, is refused before anything is brought."""
    bring: Callable[[str, Path], Any] = lambda _id, _output: pytest.fail("brought")  # noqa: E731 - must not be called
    with pytest.raises(Refused):
        list(bring_together(TWO, [IDS[0], stranger], tmp_path, bring))


@given(st.lists(st.sampled_from(FAILURES), max_size=6))
def test_the_worst_speaks_for_all(kinds: list[type[OrchestratorError]]) -> None:
    """The exit code is that of the worst class, whatever their order; no failure has none."""
    error = worst(kind("x") for kind in kinds)
    codes = [code for code in WORST_FIRST if code in {kind.exit_code for kind in kinds}]
    assert (error.exit_code if error else None) == (codes[0] if codes else None)
