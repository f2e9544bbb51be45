"""Where the states of environments lie."""

from __future__ import annotations

import pytest
from world import make

from orchestrator.plan.deployment import is_environment, state_of

BASE = "project: demo\nregion: eu-central-1\npackages: {parser: {}}\nterraform: "


@pytest.mark.parametrize(
    ("terraform", "name", "expected"),
    [
        ("{state: s3, bucket: states}", "key", "demo/terraform-test.tfstate"),
        ("{state: s3, bucket: states, key: shop/demo}", "key", "shop/demo-test"),
        ("{state: local}", "path", "../../.orchestrator/terraform-test.tfstate"),
        ("{state: gitlab}", "address", "https://gitlab.com/api/v4/projects/7/terraform/state/demo-test"),
        ("{state: gitlab}", "lock_address", "https://gitlab.com/api/v4/projects/7/terraform/state/demo-test/lock"),
        ("{state: gitlab}", "unlock_method", "DELETE"),
    ],
)
def test_each_environment_has_a_state_of_its_own(terraform: str, name: str, expected: str) -> None:
    """Test and production never overwrite each other, nor prebuild, wherever states are kept."""
    state = make(f"{BASE}{terraform}\n").state
    assert state_of(state, "test").settings[name] == expected
    assert set(state_of(state, "test").settings) == set(state.settings)
    assert state_of(state, "test") != state_of(state, "production") != state


@pytest.mark.parametrize("name", ["", "7up", "-x", "a/b", "a b", "a" * 64, "tést", "a\n"])
def test_what_cannot_be_an_alias_is_no_environment(name: str) -> None:
    """The name becomes a Lambda alias, a part of an S3 key and of an address."""
    assert not is_environment(name)
