"""What the buildspec reader accepts, and how it words what it refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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


def _subkeys(index: int, line: int) -> str:
    return (
        f"Expected Commands[{index}] to be of string type: found subkeys instead at line {line}, "
        f"value of the key tag on line {line - 1} might be empty"
    )


# In each of them a plain (unquoted) command holds `: `, which makes it a mapping in YAML; one names a phase wrongly.
_REFUSED = {
    "AcademySoftwareFoundation__openvdb__2": _subkeys(2, 35),
    "GEOS-ESM__GEOSgcm__1": _subkeys(2, 15),
    "antonai-work__vllm-deepep-v2-efa__2": _subkeys(14, 80),
    "aws__deep-learning-containers__4": _subkeys(3, 23),
    "aws__aws-encryption-sdk-java__7": (
        "Invalid buildspec phase name: post-build. Expecting: build,install,post_build,pre_build"
    ),
}


@pytest.mark.parametrize("path", _CORPUS, ids=lambda path: path.stem)
def test_real_buildspecs_parse_or_are_refused_precisely(path: Path) -> None:
    """Every real buildspec gives phases, but for the known ones that CodeBuild refuses, with its words."""
    try:
        buildspec = parse(path.read_text(encoding="utf-8"))
    except YamlFileError as error:
        assert str(error) == _REFUSED.get(path.stem)
    else:
        assert path.stem not in _REFUSED
        assert any(phase.commands or phase.runtime_versions for phase in buildspec.phases.values())


def _tool_folder(directory: Path, *names: str) -> Path:
    directory.mkdir()
    for name in names:
        (directory / name).write_text(f'#!/bin/sh\necho "{name} $*" >&2\n')
        (directory / name).chmod(0o755)
    return directory


# File -> how the build ends, with tools that only say how they were called.
_RUN = {
    "11stcorp__street-builder__3": ("SUCCEEDED", "docker"),
    "JohnPreston__kafka-connect-watcher__1": ("SUCCEEDED", "docker"),
    "aws-amplify__amplify-category-api__6": ("FAILED", "the emulator has no shell powershell.exe"),
    "aws-amplify__amplify-codegen__8": ("SUCCEEDED", "Build phase completed"),
    "aws-ia__terraform-aws-codebuild__4": ("FAILED", "mv terraform /bin exit status 1"),
    "aws-quickstart__cdk-eks-blueprints__4": ("SUCCEEDED", "npm install"),
    "aws-samples__amazon-redshift-devops-blog__2": ("SUCCEEDED", "aws"),
    "binxio__cfn-secret-provider__2": ("SUCCEEDED", "Phase complete: BUILD State: SUCCEEDED"),
    "compose-x__kafka-lag-exporter__2": ("SUCCEEDED", "docker"),
    "datarevenue-berlin__drfs__2": ("FAILED", "parameter does not exist: /CodeBuild/PyPi/Dev/pw"),
    "tuimac__lambda_codepipeline__1": ("SUCCEEDED", "aws"),
}


@pytest.mark.parametrize("path", [path for path in _CORPUS if path.stem in _RUN], ids=lambda path: path.stem)
def test_real_buildspecs_run(aws: Any, path: Path, tmp_path: Path) -> None:
    """Real buildspecs go through all their phases in a real shell, or fail where they must."""
    tools = _tool_folder(
        tmp_path / "bin", "docker", "aws", "pip", "pip3", "npm", "yarn", "npx", "apt-get", "yum", "curl", "wget", "git",
        "unzip", "make", "python", "python3", "pyenv", "sam", "zip", "pytest", "sudo", "jq", "mvn",
        "pipenv", "poetry", "tox", "cfn-lint", "cdk", "n", "apt", "dpkg-reconfigure", "tfsec", "tflint", "checkov",
    )  # fmt: skip
    environment = {
        "type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": [{"name": "PATH", "value": f"{tools}:/usr/bin:/bin"}],
    }  # fmt: skip
    build = aws.build(path.read_text(encoding="utf-8"), environment=environment)
    status, text = _RUN[path.stem]
    told = [context["message"] for phase in build["phases"] for context in phase.get("contexts", [])]
    assert (build["buildStatus"], text in aws.log(build) + "".join(told)) == (status, True)


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
