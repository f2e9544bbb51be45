"""What reaches a terminal from others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.render.terminal import SECRET_VARIABLES, printable, without_secrets


@given(st.text())
def test_nothing_that_is_shown_steers_the_terminal(text: str) -> None:
    """No control character, direction mark or invisible character of anybody's text reaches the screen."""
    assert all(c in "\n\t" or c.isprintable() for c in printable(text))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n")))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    """Text that does no harm is not changed."""
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31merror\x1b[0m", "error"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b[2J\x1b[Hx", "x"),
        ("a\u202eb", "a�b"),
        ("a\u00a0b", "a b"),
        ("one\r\ntwo\rthree", "one\ntwo three"),
        ("\x1b", "�"),
    ],
)
def test_sequences_disappear(text: str, shown: str) -> None:
    """Colours and titles leave no rubble, other tricks leave a mark."""
    assert printable(text) == shown


@pytest.mark.parametrize("name", SECRET_VARIABLES)
def test_secrets_of_the_environment_are_not_shown(name: str) -> None:
    """The value of a secret variable is hidden in any message, also as part of a URL."""
    secret = "canary/+ value"
    text = without_secrets(f"refused {secret} at https://x/canary%2F%2B%20value", {name: secret})
    assert "canary" not in text


def test_logins_in_urls_are_not_shown() -> None:
    """A user name and password in any URL are hidden, the rest of it stays."""
    assert without_secrets("proxy http://u:p@host:80/x", {}) == "proxy http://[redacted]@host:80/x"


def test_a_short_or_empty_secret_hides_nothing() -> None:
    """An empty variable does not turn messages into noise."""
    assert without_secrets("all is well", dict.fromkeys(SECRET_VARIABLES, "")) == "all is well"
