"""Guarantees about what CI variables fill in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.config import load, parse
from orchestrator.errors import ConfigurationError
from orchestrator.vocabulary import StateBackend

SHORT = "packages: {parser: {}}\n"
CI = {
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH_SLUG": "group-name",
    "CI_PROJECT_ID": "42",
    "CI_SERVER_URL": "https://gitlab.example.com",
    "CI_PROJECT_URL": "https://gitlab.example.com/group/name",
    "AWS_REGION": "eu-north-1",
}


def test_ci_fills_in_what_is_left_out() -> None:
    """In GitLab CI a file needs nothing but its packages."""
    configuration = parse(SHORT + "source: clone\n", "orchestrator.yml", CI)
    assert (configuration.project, configuration.region) == ("group-name", "eu-north-1")
    assert (configuration.gitlab.url, configuration.gitlab.project) == ("https://gitlab.example.com", "42")
    assert configuration.terraform.state is StateBackend.GITLAB
    assert configuration.terraform.name == "group-name"
    assert configuration.terraform.key == "group-name/terraform.tfstate"
    assert configuration.trigger.token_parameter == "/gitlab/trigger/group-name"
    assert configuration.clone is not None
    assert configuration.clone.url == "https://gitlab.example.com/group/name.git"


def test_what_is_written_wins_over_ci() -> None:
    """A key of the file is never replaced by a variable."""
    text = SHORT + "project: mine\nregion: us-east-1\nterraform: {state: local}\ngitlab: {project: a/b}\n"
    configuration = parse(text, "orchestrator.yml", CI)
    assert (configuration.project, configuration.region) == ("mine", "us-east-1")
    assert configuration.terraform.state is StateBackend.LOCAL
    assert configuration.gitlab.project == "a/b"


def test_the_second_region_variable_is_used_when_the_first_is_empty() -> None:
    """`AWS_REGION` comes first, `AWS_DEFAULT_REGION` second, empty counts as unset."""
    environment = {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-3", "CI_PROJECT_PATH_SLUG": "p"}
    assert parse(SHORT, "orchestrator.yml", environment).region == "eu-west-3"


def test_the_directory_names_the_project_at_a_terminal(tmp_path: Path) -> None:
    """Outside CI the project is called after its directory, in the form of a GitLab slug."""
    directory = tmp_path / "My Lambda_Repo"
    directory.mkdir()
    path = directory / "orchestrator.yml"
    path.write_text(SHORT)
    configuration = load(path, {"AWS_REGION": "eu-central-1"})
    assert configuration.project == "my-lambda-repo"
    assert configuration.gitlab.url == "https://gitlab.com"
    assert configuration.gitlab.project is None


def test_a_clone_address_is_made_of_server_and_path() -> None:
    """At a terminal `gitlab.project` as a path is enough to clone."""
    text = SHORT + "project: p\nregion: eu-west-1\nsource: clone\ngitlab: {project: group/name}\n"
    clone = parse(text, "orchestrator.yml", {}).clone
    assert clone is not None
    assert clone.url == "https://gitlab.com/group/name.git"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("AWS_REGION", "nowhere", "orchestrator.yml:1: region: .*`nowhere` from AWS_REGION"),
        ("CI_PROJECT_PATH_SLUG", "A_B", "orchestrator.yml:1: project: .*`A_B` from CI_PROJECT_PATH_SLUG"),
        ("CI_PROJECT_ID", "x y", "orchestrator.yml:1: gitlab.project: .*from CI_PROJECT_ID"),
        ("CI_SERVER_URL", "file:///etc", "orchestrator.yml:1: gitlab.url: .*from CI_SERVER_URL"),
    ],
)
def test_a_wrong_variable_is_named_once(variable: str, value: str, expected: str) -> None:
    """A value that came from a variable is reported with the name of the variable."""
    with pytest.raises(ConfigurationError) as caught:
        parse(SHORT, "orchestrator.yml", {**CI, variable: value})
    assert len(caught.value.detail.splitlines()) == 1
    assert re.fullmatch(expected, caught.value.detail)


def test_a_package_overrides_the_shared_build_settings() -> None:
    """A package takes the settings of `build` except those it has itself."""
    text = (
        "project: p\nregion: eu-west-1\nbuild: {compute: large, timeout_minutes: 10}\n"
        "packages:\n  a: {build: {compute: small}}\n  b: {architecture: x86_64}\n"
    )
    packages = parse(text, "orchestrator.yml", {}).packages
    assert [(p.build.compute, p.build.timeout_minutes) for p in packages.values()] == [
        ("small", 10),
        ("large", 10),
    ]
    assert packages["b"].build.image == "aws/codebuild/amazonlinux-x86_64-standard:5.0"


def test_one_shared_mistake_is_told_once() -> None:
    """A wrong value in `build` is reported where it stands, not once for each package."""
    text = "project: p\nregion: eu-west-1\nbuild: {compute: huge}\npackages: {a: {}, b: {}, c: {}}\n"
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "orchestrator.yml", {})
    assert caught.value.detail.count("\n") == 0
    assert caught.value.detail.startswith("orchestrator.yml:3: build.compute: ")
