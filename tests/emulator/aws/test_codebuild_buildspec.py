"""What the buildspec reader accepts, and how it words what it refuses."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.emulator.aws.container.buildspec import OnFailure, is_inline, parse
from orchestrator.emulator.aws.container.nodes import YamlFileError

_SHARED = Path(os.environ.get("ORCHESTRATOR_SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data")
_CORPUS = sorted((_SHARED / "buildspec").glob("*.yml"))


def test_the_corpus_of_real_buildspecs_is_there() -> None:
    """In CI the real buildspecs are never silently left out."""
    assert _CORPUS or os.environ.get("CI") != "true"


@pytest.mark.parametrize("path", _CORPUS, ids=lambda path: path.stem)
def test_real_buildspecs_parse_or_are_refused_precisely(path: Path) -> None:
    """Every real buildspec gives phases, or an error that names the culprit."""
    try:
        buildspec = parse(path.read_text(encoding="utf-8"))
    except YamlFileError as error:
        assert re.match(
            r"Invalid buildspec phase name: [\w-]+\. Expecting: build,install,post_build,pre_build$"
            r"|Expected Commands\[\d+\] to be of string type: found subkeys instead at line \d+",
            str(error),
        )
    else:
        assert any(phase.commands or phase.runtime_versions for phase in buildspec.phases.values())


def _with_commands(lines: str) -> str:
    return f"version: 0.2\n\nphases:\n  build:\n    commands:\n{lines}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            _with_commands('     - echo "Hello: world"'),
            "Expected Commands[0] to be of string type: found subkeys instead at line 6, "
            "value of the key tag on line 5 might be empty",
        ),
        ("version: 0.2\nphases:\n\tbuild: {}", "found character that cannot start any token at line 3"),
        ("version: 0.2\nphases: [a", "did not find expected ',' or ']' at line"),
        ("version: 0.20\nphases: {build: {commands: [ls]}}", "Unsupported buildspec version: 0.20"),
        ("phases: {build: {commands: [ls]}}", "Unsupported buildspec version: none"),
        ("version: 0.2", "Missing phases"),
        ("", "Unsupported buildspec version: none"),
        ("- a\n- b", "Expected the buildspec to be of map type at line 1"),
        ("version: 0.2\nphases: {deploy: {commands: [ls]}}", "Invalid buildspec phase name: deploy"),
        ("version: 0.2\nphases: {build: {commands: ls}}", "Expected Commands to be of list type at line 2"),
        ("version: 0.2\nphases: {build: {on-failure: NEVER}}", "Invalid on-failure value: NEVER"),
        ("version: 0.2\nphases: {build: {on-failure: RETRY-101}}", "Invalid on-failure value: RETRY-101"),
        ("version: 0.2\nphases: {build: {on-failure: 'RETRY-3-['}}", "Invalid on-failure regular expression"),
        ("version: 0.2\nenv: {shell: fish}\nphases: {build: {}}", "Invalid shell: fish"),
        ("version: 0.2\nenv: {variables: [A]}\nphases: {build: {}}", "Expected Variables to be of map type"),
    ],
)
def test_a_bad_buildspec_is_refused_in_the_words_of_the_service(text: str, message: str) -> None:
    """The message names what is wrong and, where there is one, the line."""
    with pytest.raises(YamlFileError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_scalars_stay_as_they_were_written() -> None:
    """`3.10` is not 3.1 and `yes` is not `True`; nothing is an empty string."""
    buildspec = parse(
        "version: 0.2\nenv:\n  variables: {A: yes, B: 0.10, C: 007, D: , E: 2020-01-01}\n"
        "phases:\n  install:\n    runtime-versions: {python: 3.10, nodejs: 12}\n    commands: [true, 42, null, '']\n"
    )
    assert buildspec.variables == {"A": "yes", "B": "0.10", "C": "007", "D": "", "E": "2020-01-01"}
    assert buildspec.phases["install"].runtime_versions == {"python": "3.10", "nodejs": "12"}
    assert buildspec.phases["install"].commands == ("true", "42")


def test_anchors_and_merge_keys_are_followed() -> None:
    """A buildspec may share parts of itself."""
    text = "version: 0.2\nx: &x {on-failure: CONTINUE}\nphases:\n  build:\n    <<: *x\n    commands: [ls]\n"
    phase = parse(text).phases["build"]
    assert (phase.on_failure.action, phase.commands) == ("CONTINUE", ("ls",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABORT", OnFailure("ABORT")),
        ("CONTINUE", OnFailure("CONTINUE")),
        ("RETRY", OnFailure("RETRY", 3)),
        ("RETRY-0", OnFailure("RETRY", 0)),
        ("RETRY-7", OnFailure("RETRY", 7)),
        ("RETRY-.*Error.*", OnFailure("RETRY", 3, ".*Error.*")),
        ("RETRY-2-a-b", OnFailure("RETRY", 2, "a-b")),
        ("RETRY-2x", OnFailure("RETRY", 3, "2x")),
    ],
)
def test_on_failure_has_six_forms(text: str, expected: OnFailure) -> None:
    """Count and pattern of RETRY are told apart."""
    assert parse(f"version: 0.2\nphases: {{build: {{on-failure: '{text}'}}}}").phases["build"].on_failure == expected


@pytest.mark.parametrize(
    ("text", "inline"),
    [
        ("buildspec.yml", False),
        ("ci/build.yaml", False),
        ("arn:aws:s3:::bucket/buildspec.yml", False),
        ("", False),
        ("version: 0.2\nphases: {}", True),
        ('{"version": "0.2"}', True),
        ("version: 0.2", True),
    ],
)
def test_an_inline_buildspec_is_told_from_a_path(text: str, *, inline: bool) -> None:
    """Only text that is a buildspec itself counts as inline."""
    assert is_inline(text) is inline


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is given, the answer is a buildspec or a YamlFileError."""
    try:
        parse(text)
    except YamlFileError as error:
        assert str(error)
