"""What `onboard` makes of somebody else's `.gitlab-ci.yml`."""

from __future__ import annotations

import difflib

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.errors import ConfigurationError
from orchestrator.onboarding.ci_file import colliding_jobs, with_component
from orchestrator.onboarding.ci_include import Component
from orchestrator.onboarding.ci_stages import OURS, with_ours
from orchestrator.onboarding.yaml_text import data_of

ADDRESS = "$CI_SERVER_FQDN/platform/codebuild-orchestrator/codebuild@main"
PLAIN = Component(ADDRESS)
FULL = Component(ADDRESS, {"directory": "services/a b", "build_job": "codebuild-build"})
JOBS = "job:\n  stage: test\n  script: [make]\n"

FILES = {
    "stages as a list": f"stages:\n  - lint\n  - test # ours\n\n{JOBS}",
    "stages without indentation": f"stages:\n- lint\n- test\n{JOBS}",
    "stages in brackets": f"stages: [lint, test, deploy]  # three\n{JOBS}",
    "their own build": f"stages:\n  - lint\n  # compiles\n  - build\n  - test\n{JOBS}",
    "all of ours": f"stages: [prebuild, build, postbuild, test]\n{JOBS}",
    "no stages": JOBS,
    "empty stages": f"stages:\n{JOBS}",
    "one include": f"include: 'ci/a.yml' # theirs\n{JOBS}",
    "one mapping": f"include:\n  project: a/b\n  file: c.yml\n\n# about the job\n{JOBS}",
    "one mapping in braces": f"include: {{local: a.yml}}\n{JOBS}",
    "a list of includes": f"include:\n  - local: a.yml\n  - project: a/b\n    file: [c.yml]\n    # last\n\n{JOBS}",
    "includes without indentation": f"include:\n- local: a.yml\n{JOBS}",
    "includes in brackets": f"include: [a.yml, {{local: b.yml}}]\n{JOBS}",
    "an empty list": f"include: []\n{JOBS}",
    "nothing included": f"include:\n{JOBS}",
    "anchors": ".a: &a\n  tags: [x]\n.s: &s [lint, test]\nstages: *s\nother:\n  <<: *a\n"
    f"  script: !reference [job, script]\n{JOBS}",
    "a header": f"spec:\n  inputs:\n    x:\n      default: y\n---\n{JOBS}",
    "windows": f"# mine\nstages:\n  - test\ninclude:\n  - local: a.yml\n{JOBS}".replace("\n", "\r\n"),
    "no final newline": JOBS.rstrip("\n"),
    "a list without final newline": f"{JOBS}include:\n  - local: a.yml",
    "stages at the end": f"{JOBS}stages:\n  - test",
    "a byte order mark": f"\ufeff{JOBS}",
    "comments only": "# nothing yet\n",
    "empty": "",
    "a block of text at the end": "job:\n  script:\n    - |\n      echo a\n\n      echo b\n",
    "json in yaml": 'stages: ["test"]\nvariables: {"A": "b: c", "D": "#e"}\njob: {script: "true"}\n',
    "indented": "  stages: [test]\n  job:\n    script: x\n",
}


@pytest.mark.parametrize("component", [PLAIN, FULL], ids=["plain", "inputs"])
@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_theirs_stays_and_ours_is_added(text: str, component: Component) -> None:
    """Every line that was there is there, in its order; the meaning is theirs and our component, and stays so."""
    after = with_component(text, component, None)
    old, new = data_of(text.removeprefix("\ufeff")), data_of(after.removeprefix("\ufeff"))
    assert lost(text, after) == []
    assert new["include"][-1] == component.as_data()
    assert set(OURS) <= set(new["stages"])
    assert [name for name in new["stages"] if name not in OURS] == [
        name for name in old.get("stages") or ["test", "deploy"] if name not in OURS
    ]
    rest = {key: value for key, value in new.items() if key not in ("include", "stages")}
    assert rest == {key: value for key, value in old.items() if key not in ("include", "stages")}
    assert ("\r\n" in after) == ("\r\n" in text)
    assert "\n" not in after.replace("\r\n", "") or "\r\n" not in text
    assert with_component(after, component, None) == after


def lost(before: str, after: str) -> list[str]:
    """Return the lines of which a part is gone: every change is an insertion, except that brackets open."""
    gone = []
    for word in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        kind, start, end, _, _ = word
        if kind in ("delete", "replace") and before[start:end].strip(" *s\r\n[]"):
            gone.append(before[start:end])
    return gone


def test_a_file_that_is_not_there_is_made() -> None:
    """A repository without pipelines gets a file with nothing in it but stages and component."""
    made = with_component(None, PLAIN, None)
    assert yaml.safe_load(made) == {
        "stages": ["prebuild", "build", "postbuild", "test", "deploy"],
        "include": [{"component": ADDRESS}],
    }
    assert made.startswith("stages:") and made.endswith("codebuild@main\n")


def test_stages_of_included_files_are_kept() -> None:
    """Where the stages come from an included file, writing ours down does not take theirs away."""
    made = yaml.safe_load(with_component("include: a.yml\n", PLAIN, ["scan", "ship"]))
    assert made["stages"] == ["prebuild", "build", "postbuild", "scan", "ship"]
    unchanged = yaml.safe_load(with_component("include: a.yml\n", PLAIN, ["prebuild", "build", "postbuild"]))
    assert "stages" not in unchanged


def test_another_version_of_the_component_counts() -> None:
    """Whoever has pinned the component, or spells the host otherwise, is not given it a second time."""
    stages, address = (
        "stages: [prebuild, build, postbuild]",
        "gitlab.example.com/platform/codebuild-orchestrator/codebuild@1.2",
    )
    pinned = f"{stages}\ninclude:\n  - component: {address}\n"
    assert with_component(pinned, PLAIN, None) == pinned


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("job:\n\tscript: x\n", ".gitlab-ci.yml:2"),
        ("- a\n- b\n", "expected a mapping"),
        ("{job: {script: x}}\n", "braces"),
        (".i: &i [a.yml]\ninclude: *i\nstages: [test]\n", "alias"),
        (".i: &i {local: a.yml}\ninclude: [b.yml, *i]\n", "alias"),
        ("stages: test\n", "no list of names"),
        ("stages: [&x test, [a]]\n", "no list of names"),
        ("a: *nowhere\n", "alias"),
        ("include: &i\n  - local: a.yml\n", "`include:` has an anchor"),
        ("include: !reference [.a, b]\n", "`include:` has an anchor or a tag"),
        ("stages: &s\n  - test\n", "`stages:` has an anchor"),
        ("include: |\n  a.yml\n", "block of text"),
        ("a: [\n", ":2"),
    ],
)
def test_what_cannot_be_added_to_is_told(text: str, told: str) -> None:
    """A file that cannot be changed safely is left alone: the message has the place and the lines to add by hand."""
    with pytest.raises(ConfigurationError) as caught:
        with_component(text, PLAIN, None)
    assert told in caught.value.detail
    assert "component:" in caught.value.hint
    assert caught.value.exit_code == 2


NAMES = st.sampled_from(["lint", "test", "build", "prebuild", "postbuild", "deploy", "scan", ".pre"])


@settings(max_examples=50)
@given(st.lists(NAMES, unique=True))
def test_stages_keep_their_order(theirs: list[str]) -> None:
    """Whatever stages there are, they stay in their order, and ours that were missing stand in ours."""
    result = with_ours(theirs)
    assert [name for name in result if name in theirs] == theirs
    new = [name for name in OURS if name not in theirs]
    assert [name for name in result if name in new] == new
    assert len(result) == len(set(result)) == len({*theirs, *OURS})


VALUES = ['{A: "1"}', "\n  a: b\n  # c", "\n  - x\n  - 'y: z'", "|\n  text\n\n  more", "", "&k value", "[a, b]"]
NAMED = st.sampled_from(["variables", "default", "job a", ".x", "image"])
KEYS = st.dictionaries(NAMED, st.sampled_from(VALUES), max_size=3)
STAGES = st.sampled_from(["", "stages: [test]", "stages:\n  - test\n\n  - b # c", "stages: []", "stages:\n- x"])
INCLUDES = st.sampled_from(["", "include: a.yml", "include:\n  local: a", "include:\n  - a\n# b", "include: [a]"])


@settings(max_examples=40)
@given(KEYS, STAGES, INCLUDES, st.permutations([0, 1, 2]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_file_keeps_its_meaning(
    keys: dict[str, str], stages: str, include: str, order: list[int], newline: str, final: bool
) -> None:
    """Whatever else a file holds, in whatever order, it means the same afterwards, and a second run adds nothing."""
    parts = ["\n".join(f"{key}: {value}" for key, value in keys.items()), stages, include]
    text = "\n".join(parts[index] for index in order) + ("\n" if final else "")
    # A text that ends with the file would get another end: such a file is left alone, see below.
    assume(not text.endswith(("more", "more\n\n")))
    text = text.replace("\n", newline)
    after = with_component(text, FULL, None)
    old, new = data_of(text), data_of(after)
    assert {key: new[key] for key in keys} == {key: old[key] for key in keys}
    assert FULL.as_data() in new["include"] and set(OURS) <= set(new["stages"])
    assert with_component(after, FULL, None) == after


def test_a_text_at_the_end_of_a_file_keeps_its_end() -> None:
    """Lines behind a block of text would change it: the file is refused with the lines to add by hand."""
    with pytest.raises(ConfigurationError, match="means something else") as caught:
        with_component("variables:\n  A: |\n    text", FULL, None)
    assert "component:" in caught.value.hint


def test_jobs_of_the_same_name_are_seen() -> None:
    """A job called as one of ours would be mixed with it, so it is noticed."""
    assert colliding_jobs({"build": {}, "test": {}, "stages": []}) == ["build"]
