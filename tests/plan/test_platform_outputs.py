"""What a platform publishes can be found by projects, and a half of it is not taken for the whole."""

from __future__ import annotations

import pytest

from orchestrator.platform_outputs import (
    ROOT,
    VERSION,
    OutdatedPlatformError,
    platform_names,
    project_names,
    read_outputs,
)

WHOLE = {name: f"{key}!" for key, name in platform_names().items()}
WHOLE |= {name: f"{key}!" for key, name in project_names("shop-feed").items()}
WHOLE[platform_names()["version"]] = VERSION
WHOLE[project_names("shop-feed")["gitlab_project"]] = "Shop/feed"


def test_what_is_published_is_found() -> None:
    """Every value comes back under its own name, and the project by its path in GitLab, whose case does not matter."""
    found = read_outputs(WHOLE)
    assert found is not None
    assert (found.bucket, found.key_arn, found.state_bucket) == ("bucket!", "key_arn!", "state_bucket!")
    assert (found.oidc_provider_arn, found.gitlab_url, found.audience) == (
        "oidc_provider_arn!",
        "gitlab_url!",
        "audience!",
    )
    access = found.of_gitlab_project("shop/Feed")
    assert access is not None
    assert access is found.projects["shop-feed"]
    assert (access.apply_arn, access.start_arn) == ("apply_arn!", "start_arn!")
    assert (access.artifact_prefix, access.state_key) == ("shop-feed", "shop-feed/terraform.tfstate")
    assert found.of_gitlab_project("shop/other") is None


def test_no_platform_is_none() -> None:
    """An account without a platform is no failure."""
    assert read_outputs({}) is None


@pytest.mark.parametrize("name", sorted(platform_names().values()))
def test_a_platform_that_is_half_made_is_not_read(name: str) -> None:
    """While one value is missing the platform is being made or taken away, and the name that is missing is told."""
    with pytest.raises(OutdatedPlatformError, match=f"`{name}` is not there"):
        read_outputs({key: value for key, value in WHOLE.items() if key != name})


def test_a_platform_of_another_version_is_not_read() -> None:
    """What a newer orchestrator has published is not guessed at."""
    with pytest.raises(OutdatedPlatformError, match="`2`"):
        read_outputs({**WHOLE, platform_names()["version"]: "2"})


@pytest.mark.parametrize("name", sorted(project_names("shop-feed").values()))
def test_half_a_project_is_none(name: str) -> None:
    """A project without one of its roles is not there, and the others are."""
    other = {key.replace("shop-feed", "other"): value for key, value in WHOLE.items() if "shop-feed" in key}
    found = read_outputs({key: value for key, value in (WHOLE | other).items() if key != name})
    assert found is not None
    assert set(found.projects) == {"other"}


def test_a_project_that_deploys_has_a_third_role() -> None:
    """The role and the bound of functions are found together, or not at all: one alone is being made or taken away."""
    more = {name: f"{key}!" for key, name in project_names("shop-feed", deploys=True).items() if name not in WHOLE}
    assert len(more) == 2
    found = read_outputs(WHOLE | more)
    assert found is not None
    access = found.projects["shop-feed"]
    assert (access.deploy_arn, access.functions_boundary_arn) == ("deploy_arn!", "functions_boundary_arn!")
    for name in more:
        half = read_outputs({key: value for key, value in (WHOLE | more).items() if key != name})
        assert half is not None
        access = half.projects["shop-feed"]
        assert (access.apply_arn, access.deploy_arn, access.functions_boundary_arn) == ("apply_arn!", None, None)


def test_names_are_below_one_path() -> None:
    """One request finds everything."""
    assert all(name.startswith(ROOT) for name in WHOLE)
