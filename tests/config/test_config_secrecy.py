"""Guarantees about secrets that were written where they do not belong."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import parse
from orchestrator.errors import ConfigurationError

CANARY = "zqcanary4711"
# Put together here so that no scanner takes this file for a leak.
TOKENS = [
    "glpat" + "-abcdefghij1234567890",
    "glptt" + "-0123456789abcdef0123456789abcdef01234567",
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "ghp" + "_abcdefghijklmnopqrstuvwxyz0123456789",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "https://oauth2:" + CANARY + "@gitlab.example.com/a/b.git",
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.x",
]


def document(package: object, **top: object) -> str:
    """Return a file with one package and further keys."""
    whole = {"project": "demo", "region": "eu-central-1", "packages": {"parser": package}, **top}
    return yaml.safe_dump(whole, sort_keys=False)


def message(text: str) -> str:
    """Return the whole message of a file that must be refused."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "orchestrator.yml", {})
    return str(caught.value)


@pytest.mark.parametrize("token", TOKENS)
def test_a_secret_in_the_environment_is_refused_and_not_shown(token: str) -> None:
    """A value that looks like a secret is refused with advice where to keep it."""
    told = message(document({"environment": {"TOKEN": token}}))
    assert token not in told
    assert CANARY not in told
    assert "SSM Parameter Store" in told


@pytest.mark.parametrize("token", TOKENS)
def test_a_secret_anywhere_else_is_not_shown(token: str) -> None:
    """A token that was pasted into another key, or used as one, is not repeated in the message."""
    told = message(
        document(
            {"runtime": token, "source": f"/{token}", token: 1},
            trigger={"token_parameter": token, "token": token},
            source="clone",
            clone={"url": token},
            region=token,
        )
    )
    assert token not in told
    assert CANARY not in told


values = st.recursive(
    st.sampled_from([CANARY, f"{CANARY}\n", 4711, True, None, 1.5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("AB"), inner, max_size=2),
    max_leaves=3,
)


@given(environment=st.dictionaries(st.sampled_from(["PATH", "A", "1", "AWS_X"]), values) | values)
def test_no_value_of_the_environment_is_ever_shown(environment: object) -> None:
    """Whatever is wrong with `environment`, its values do not appear in the message."""
    try:
        parse(document({"environment": environment, "wrong": 1}), "orchestrator.yml", {})
    except ConfigurationError as error:
        assert CANARY not in str(error)
        assert "4711" not in str(error)


def test_a_parameter_that_is_a_password_is_not_shown() -> None:
    """A secret instead of the name of its parameter is refused without repeating it."""
    assert CANARY not in message(document({}, trigger={"token_parameter": CANARY}))
