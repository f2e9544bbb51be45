"""What reaches a terminal from others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.render.terminal import printable


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
