"""Which build somebody means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import ACCOUNT, UUID, FakeCodeBuild, make, project, record

from orchestrator.errors import ConfigurationError, OrchestratorError, Refused
from orchestrator.records import BuildRecord
from orchestrator.stages.which_build import find_build, find_builds

PLAN = make("project: demo\nregion: eu-central-1\npackages: {parser: {}, other: {}}\n")
BUILD = record()
TWIN = record("demo-other", id="demo-other:0f1e2d3c-ffff-6978-8796-a5b4c3d2e1f0")
ARN = f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:build/{BUILD.id}"


def codebuild(*records: BuildRecord) -> FakeCodeBuild:
    """Return a CodeBuild with the project `demo-parser` and `demo-other`, and these builds."""
    known = {name: project(name) for name in ("demo-parser", "demo-other")}
    return FakeCodeBuild(known=known, records={one.id: one for one in records})


@pytest.mark.parametrize("text", [BUILD.id, UUID, UUID[:8], UUID[:9], UUID[:20], ARN])
def test_a_build_has_many_names(text: str) -> None:
    """Its id, its ARN, its UUID, and as much of the UUID as no other build has, name a build."""
    assert find_build(PLAN, text, codebuild(BUILD)) == BUILD


def test_several_builds_are_found_in_their_order() -> None:
    """Builds come in the order of the names, also when one is named twice."""
    assert find_builds(PLAN, [TWIN.id, UUID, TWIN.id], codebuild(BUILD, TWIN)) == [TWIN, BUILD, TWIN]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (UUID[:8], ConfigurationError, "several builds"),
        ("deadbeef", ConfigurationError, "knows no build"),
        (f"demo-parser:{'0' * 8}-0000-0000-0000-{'0' * 12}", ConfigurationError, "knows no build"),
        (f"shop-parser:{UUID}", Refused, "not a build of this project"),
        (ARN.replace("eu-central-1", "eu-west-1"), Refused, "another region"),
        (ARN.replace(ACCOUNT, "999999999999"), Refused, "another account"),
        (ARN.replace("demo-parser", "shop-parser"), Refused, "not a build of this project"),
        (f"assembled:demo-parser:{'a' * 40}:{UUID}:{'b' * 64}", ConfigurationError, "made in a GitLab job"),
        ("0f1e2d3", ConfigurationError, "no build id"),
        ("0" * 36, ConfigurationError, "no build id"),
        ("0F1E2D3C", ConfigurationError, "no build id"),
        ("demo-parser", ConfigurationError, "no build id"),
        ("", ConfigurationError, "no build id"),
        ("-rf", ConfigurationError, "no build id"),
        (f"{UUID}\n", ConfigurationError, "no build id"),
        ("x\x1b[2J", ConfigurationError, "no build id"),
        (f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:build/{UUID}", ConfigurationError, "no build id"),
    ],
)
def test_what_is_no_build_of_ours_is_refused(text: str, kind: type[OrchestratorError], words: str) -> None:
    """Builds of other projects, regions and accounts, unknown ones and other texts each have their own words."""
    with pytest.raises(kind, match=words) as raised:
        find_build(PLAN, text, codebuild(BUILD, TWIN))
    assert "\x1b" not in str(raised.value)


def test_a_project_that_is_not_there_yet_keeps_nothing_from_being_found() -> None:
    """The beginning of an id is looked for in the projects that exist."""
    world = replace(codebuild(BUILD), known={"demo-parser": project("demo-parser")})
    assert find_build(PLAN, UUID[:8], world) == BUILD


@given(st.text(max_size=80))
def test_any_text_is_a_build_or_an_error_of_ours(text: str) -> None:
    """Whatever is written in place of a build, nothing but an error with an exit code comes of it."""
    with pytest.raises(OrchestratorError):
        find_build(PLAN, text, codebuild())
