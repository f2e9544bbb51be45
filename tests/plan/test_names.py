"""Names and keys of the plan."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan import names
from orchestrator.plan.digest import digest, marker

word = st.from_regex(r"[a-z0-9][a-z0-9-]{0,120}", fullmatch=True)
UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
SHA = "0123456789abcdef0123456789abcdef01234567"


@given(word, word)
def test_codebuild_accepts_every_project_name(project: str, package: str) -> None:
    """Whatever project and package are called, CodeBuild accepts the name made of them."""
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9\-_]{1,149}", names.codebuild_project(project, package))


def test_long_names_stay_different() -> None:
    """Two packages whose long names differ only at their end do not share a CodeBuild project."""
    first, second = (names.codebuild_project("p" * 100, "q" * 100 + end) for end in "ab")
    assert first != second


def test_build_id_gives_its_parts() -> None:
    """A build id gives the project and the UUID that CodeBuild made it of."""
    assert names.split_build_id(f"parser:{UUID}") == ("parser", UUID)


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "parser",
        f"parser:{UUID}\n",
        f"parser:{UUID.upper()}",
        f"../parser:{UUID}",
        f"parser:{UUID}:{UUID}",
        f"parser:{UUID}/../x",
        f"-parser:{UUID}",
        f"{'p' * 151}:{UUID}",
        f"parser :{UUID}",
        "parser:$(id)",
        f"parser\x00:{UUID}",
    ],
)
def test_what_is_no_build_id_is_refused(hostile: str) -> None:
    """Text that only looks like a build id never becomes a key or an API call."""
    assert names.split_build_id(hostile) is None


MADE = names.AssembledId("demo-parser", SHA, UUID, "e" * 64)


def test_the_id_of_a_package_made_in_a_job_comes_back_whole() -> None:
    """What the job `build` sends is what postbuild reads; the documents have it without the manifest's digest."""
    assert names.split_assembled_id(str(MADE)) == MADE
    assert str(MADE) == f"{MADE.build_id}:{'e' * 64}"
    assert names.split_build_id(str(MADE)) is None


@pytest.mark.parametrize(
    "hostile",
    [
        str(MADE)[:-1],
        f"{MADE}\n",
        f" {MADE}",
        MADE.build_id,
        str(MADE).replace(SHA, "../" + SHA[3:]),
        str(MADE).replace("demo-parser", "demo/parser"),
        str(MADE).replace("e" * 64, "E" * 64),
        str(MADE).replace("assembled", "artifacts"),
        f"demo-parser:{UUID}",
    ],
)
def test_what_is_no_id_of_such_a_package_is_refused(hostile: str) -> None:
    """Text that only looks like one never becomes a key."""
    assert names.split_assembled_id(hostile) is None


@given(st.sampled_from(["", "team", "team/payments"]))
def test_every_build_delivers_to_a_place_of_its_own(prefix: str) -> None:
    """No two builds, even of one commit, write the same key."""
    other = UUID.replace("0f1e", "1111")
    places = [(project, uuid) for project in ("aa", "ab", "a-b") for uuid in (UUID, other)]
    keys = {names.artifact_key(prefix, project, SHA, uuid, "package.zip") for project, uuid in places}
    keys |= {
        names.assembled_key(prefix, names.AssembledId(project, SHA, uuid), "package.zip") for project, uuid in places
    }
    assert len(keys) == 12
    assert all(not key.startswith("/") and "//" not in key for key in keys)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_like))
def test_the_order_of_keys_does_not_change_a_digest(value: dict[str, object]) -> None:
    """Equal settings have equal digests, in whatever order they were written."""
    assert digest(value) == digest(dict(reversed(value.items())))


def test_marker_tells_commits_and_settings_apart() -> None:
    """A build of another commit or with other settings is never mistaken for this one."""
    marks = {marker(project, sha, settings) for project in "ab" for sha in "cd" for settings in "ef"}
    assert len(marks) == 8
