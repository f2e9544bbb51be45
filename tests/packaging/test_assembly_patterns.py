"""What a pattern of `exclude` matches."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.assembly.patterns import Patterns

_SEGMENT = st.text("ab.", min_size=1, max_size=3).filter(lambda text: text.strip("."))
_NAME = st.lists(_SEGMENT, min_size=1, max_size=4)
_PATTERN = st.lists(
    st.sampled_from(["**", "*", "?", "a*", "*b", "a?b", "[ab]", "[!a]*", "a", "ab", "b.a"]), min_size=1, max_size=4
)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a.py", ["a.py"], ["b/a.py", "a.pyi", "xa.py", "A.py"]),
        ("*.pyi", ["a.pyi", ".pyi"], ["a/b.pyi", "a.py"]),
        ("**/*.pyi", ["a.pyi", "a/b/c.pyi"], ["a.py", "a.pyi/b"]),
        ("**/tests/**", ["tests/a", "a/tests/b/c"], ["tests", "mytests/a", "tests.py"]),
        ("tests/", ["tests/a", "tests/b/c"], ["a/tests/b", "tests"]),
        ("numpy/*/tests/**", ["numpy/core/tests/a"], ["numpy/tests/a", "numpy/a/b/tests/c"]),
        ("**", ["a", "a/b"], []),
        ("a/**/b", ["a/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("[a-c]?[!0-9]", ["axz", "c.-"], ["dxz", "ax1", "ax", "a/b"]),
        ("x[]]y", ["x]y"], ["xy"]),
        ("x[[*?]", ["x[", "x*", "x?"], ["xy"]),
        ("x[!a]y", ["xby"], ["x/y", "xay"]),
        ("x[a-]", ["xa", "x-"], ["xb"]),
        ("a+b(c).{d}^$|", ["a+b(c).{d}^$|"], ["aab"]),
        ("ä*", ["äb\n"], ["a"]),
    ],
)
def test_patterns_match_whole_names(pattern: str, matching: list[str], others: list[str]) -> None:
    """Each special character means what the documentation says, and every other one itself."""
    patterns = Patterns([pattern])
    assert [name for name in [*matching, *others] if patterns.exclude(name)] == matching


def _matches(pattern: list[str], name: list[str]) -> bool:
    """Decide the same by definition, one segment after the other."""
    if not pattern:
        return not name
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(name)
        return any(_matches(pattern[1:], name[skipped:]) for skipped in range(len(name) + 1))
    return bool(name) and _segment(pattern[0], name[0]) and _matches(pattern[1:], name[1:])


def _segment(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_segment(pattern[1:], text[skipped:]) for skipped in range(len(text) + 1))
    if pattern[0] == "[":
        members, _, rest = pattern[1:].partition("]")
        found = text[:1] in members.lstrip("!") if text else False
        return bool(text) and found != members.startswith("!") and _segment(rest, text[1:])
    return bool(text) and pattern[0] in ("?", text[0]) and _segment(pattern[1:], text[1:])


@given(pattern=_PATTERN, name=_NAME)
def test_patterns_do_what_their_definition_says(pattern: list[str], name: list[str]) -> None:
    """For any pattern and name the expression agrees with the definition, tried segment by segment."""
    assert Patterns(["/".join(pattern)]).exclude("/".join(name)) == _matches(pattern, name)


@pytest.mark.parametrize(
    "pattern", ["", "/a", "a//b", "../a", "a/./b", "a\\b", "a**", "**b/c", "[a", "[]", "[z-a]", "a/[!]", "/"]
)
def test_patterns_that_can_match_nothing_are_refused(pattern: str) -> None:
    """A pattern that can match no name is a mistake of the configuration, and is named."""
    with pytest.raises(ConfigurationError, match="exclude") as caught:
        Patterns([pattern])
    assert f"`{pattern}`" in str(caught.value)


def test_unused_patterns_are_named() -> None:
    """Of several patterns exactly those that matched nothing are told, with what might have been meant."""
    patterns = Patterns(["*.pyi", "**/a", "b"])
    assert patterns.exclude("x/a")
    assert patterns.exclude("b")
    assert patterns.notes() == ["`exclude: *.pyi` matches no file; at any depth it would be `**/*.pyi`"]


def test_patterns_of_the_documentation_do_what_it_says() -> None:
    """Every pattern that the documentation shows as an example leaves out such a file, and no module."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "assembly.md").read_text(encoding="utf-8")
    table = page.split("| example | leaves out |\n|---|---|\n")[1].split("\n\n")[0]
    shown = [line.split("`")[1] for line in table.splitlines()]
    samples = ["a/tests/b.py", "a/b.pyi", "python/a-1.0.dist-info/RECORD", "numpy/_core/include/numpy/x.h"]
    for pattern, sample in zip(shown, samples, strict=True):
        assert Patterns([pattern]).exclude(sample), pattern
        assert not Patterns([pattern]).exclude("numpy/_core/multiarray.py")
