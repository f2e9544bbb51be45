"""Expressions, variables, inputs and patterns, each by itself."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.emulator.gitlab.ci import durations, globs
from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.expansion import expand, expand_all
from orchestrator.emulator.gitlab.ci.expression import holds, parse
from orchestrator.emulator.gitlab.ci.inputs import interpolate, resolve
from orchestrator.emulator.gitlab.runner.trace import Masker

KNOWN = {
    "A": "abc",
    "EMPTY": "",
    "BLANK": "  ",
    "RE": "/^ab/",
    "RAW": "^ab",
    "LINES": "one\ntwo\n",
    "S": "a/b",
    "SAME": "abc",
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$A", True),
        ("$EMPTY", False),
        ("$BLANK", False),
        ("$NOBODY", False),
        ('"text"', True),
        ("null", False),
        ('$A == "abc"', True),
        ("$A == 'abc'", True),
        ('"abc" == $A', True),
        ("$A == $SAME", True),
        ('$A != "abc"', False),
        ("$NOBODY == null", True),
        ("$EMPTY == null", False),
        ('$EMPTY == ""', True),
        ('$NOBODY == ""', False),
        ("$A != null", True),
        ("$A =~ /b/", True),
        ("$A =~ /^AB/i", True),
        ("$A =~ /^B/", False),
        ("$A !~ /^B/", True),
        ("$A =~ $RE", True),
        ("$A =~ $RAW", False),
        ("$A !~ $RAW", True),
        ("$NOBODY =~ /x/", False),
        ("$NOBODY !~ /x/", True),
        (r"$S =~ /a\/b/", True),
        ("$LINES =~ /two$/", False),
        ("$LINES =~ /one$/m", True),
        ("$LINES =~ /one.two/s", True),
        ("$LINES =~ /one.two/", False),
        ("$A && $EMPTY", False),
        ("$A || $EMPTY", True),
        ("$EMPTY || $A && $EMPTY", False),
        ("($A || $EMPTY) && $A", True),
        ("$A || $EMPTY && $EMPTY", True),
        ('($A == "abc" && ($EMPTY || $RE))', True),
        ('$A == "a && b" || $A =~ /c$/', True),
        ('$A=="abc"&&$RE', True),
    ],
)
def test_expressions(expression: str, expected: bool) -> None:
    """Every operator of `rules:if` means what GitLab documents."""
    assert holds(expression, KNOWN) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "$A ==",
        "== $A",
        "$A $A",
        "($A",
        "$A)",
        "$A = 'x'",
        "!$A",
        "$A and $B",
        "$A == 'x",
        "&&",
        "$A == abc",
        "$",
        "'a' 'b'",
        "/[",
    ],
)
def test_broken_expressions(expression: str) -> None:
    """What is no expression is refused, not guessed."""
    with pytest.raises(ConfigError):
        holds(expression, KNOWN)


@given(st.text(alphabet="$AB()&|=!~/'\" nulx^", max_size=25))
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    """No text makes the parser fail in any other way."""
    with contextlib.suppress(ConfigError):
        assert holds(text, KNOWN) in {True, False}


leaves = st.sampled_from(
    [("$A", True), ("$EMPTY", False), ("$NOBODY", False), ('$A == "abc"', True), ("$A =~ /z/", False)]
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: (f"({pair[0][0]} && {pair[1][0]})", pair[0][1] and pair[1][1])),
        st.tuples(inner, inner).map(lambda pair: (f"({pair[0][0]} || {pair[1][0]})", pair[0][1] or pair[1][1])),
    ),
    max_leaves=12,
)


@given(trees)
def test_boolean_algebra(tree: tuple[str, bool]) -> None:
    """Nested expressions have the value of their parts."""
    assert holds(tree[0], KNOWN) is tree[1]
    assert parse(tree[0]) == parse(tree[0])


@pytest.mark.parametrize(
    ("text", "kept", "final"),
    [
        ("$A", "abc", "abc"),
        ("${A}x", "abcx", "abcx"),
        ("$Ax", "$Ax", ""),
        ("$$A", "$$A", "$A"),
        ("$$$A", "$$abc", "$abc"),
        ("100%", "100%", "100%"),
        ("$1 ${} $", "$1 ${} $", "$1 ${} $"),
        ("${A", "${A", "${A"),
        ("$EMPTY|$NOBODY|", "|$NOBODY|", "||"),
    ],
)
def test_expansion(text: str, kept: str, final: str) -> None:
    """`$NAME`, `${NAME}` and `$$` are replaced; unknown names are kept while rules are read, empty in the job."""
    assert expand(text, KNOWN, missing_is_kept=True) == kept
    assert expand(text, KNOWN, missing_is_kept=False) == final


names = st.sampled_from(["A", "B", "C", "D"])
pieces = st.one_of(
    names.map(lambda name: f"${name}"), names.map(lambda name: f"${{{name}}}"), st.sampled_from(["x", "/", "$$", "-"])
)


@given(st.dictionaries(names, st.lists(pieces, max_size=4).map("".join)), st.booleans(), st.sets(names))
def test_expansion_of_all_ends(values: dict[str, str], kept: bool, raw: set[str]) -> None:
    """Any set of variables, circles too, is expanded in the end; raw ones stay as they are."""
    done = expand_all(values, raw, missing_is_kept=kept)
    assert list(done) == list(values)
    assert all(done[name] == values[name] for name in raw & values.keys())


def test_expansion_does_not_depend_on_order() -> None:
    """A variable may use one that is defined after it; what a raw value brings in is never looked into."""
    values = {"A": "<$B>", "B": "[$C]", "C": "c", "R": "$C", "U": "$R", "LOOP": "$LOOP!"}
    expected = {"A": "<[c]>", "B": "[c]", "C": "c", "R": "$C", "U": "$C", "LOOP": "!"}
    assert expand_all(values, {"R"}, missing_is_kept=False) == expected
    with pytest.raises(ConfigError):
        expand_all({f"V{n}": f"$V{n + 1}" * 9 for n in range(9)} | {"V9": "0123456789"})


SPEC = {
    "inputs": {
        "word": {"default": "hello"},
        "free": {"default": None},
        "many": {"type": "array", "default": ["a", {"b": 1}]},
        "on": {"type": "boolean", "default": True},
        "n": {"type": "number", "default": 2.5},
        "pick": {"options": ["x", "y"], "default": "x"},
        "shape": {"regex": r"^v\d+$", "default": "v1"},
    }
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$[[ inputs.word ]]", "hello"),
        ("$[[inputs.word]]!", "hello!"),
        ("$[[ inputs.many ]]", '["a", {"b": 1}]'),
        ("$[[ inputs.on ]] $[[ inputs.n ]]", "true 2.5"),
        ("[$[[ inputs.free ]]]", "[]"),
        ("$[[ inputs.word | truncate(1,3) ]]", "ell"),
        ("$[[ inputs.word | truncate(1,3) | truncate(0,1) ]]", "e"),
        ("$[ inputs.word ]", "$[ inputs.word ]"),
    ],
)
def test_interpolation(text: str, expected: str) -> None:
    """Blocks become the input's value, texts as they are and other values as JSON."""
    assert interpolate(text, resolve(SPEC, {}, "f"), {}, "f") == expected


def test_expand_vars_and_lenient_values() -> None:
    """`expand_vars` uses pipeline variables; forms give texts that are read by the declared type."""
    values = resolve(SPEC, {"word": "$A-$NOBODY", "n": "3", "on": "false", "many": "[1]"}, "f", lenient=True)
    assert interpolate("$[[ inputs.word | expand_vars ]]", values, KNOWN, "f") == "abc-$NOBODY"
    assert values is not None
    assert (values["n"], values["on"], values["many"]) == (3, False, [1])
    assert interpolate("$[[ inputs.x ]]", None, {}, "f") == "$[[ inputs.x ]]"


@pytest.mark.parametrize(
    ("spec", "given_values", "text", "says"),
    [
        ({"inputs": {"a": None}}, {}, "", "`a` input: required value has not been provided"),
        (SPEC, {"nope": 1}, "", "unknown input arguments: nope"),
        (SPEC, {"word": 1}, "", "`word` input: provided value is not a string"),
        (SPEC, {"n": "1"}, "", "`n` input: provided value is not a number"),
        (SPEC, {"n": True}, "", "`n` input: provided value is not a number"),
        (SPEC, {"on": "yes"}, "", "`on` input: provided value is not a boolean"),
        (SPEC, {"many": "a"}, "", "`many` input: provided value is not an array"),
        (SPEC, {"pick": "z"}, "", "not in the list of allowed options"),
        (SPEC, {"shape": "x"}, "", "does not match required RegEx pattern"),
        ({"inputs": {"a": {"type": "date"}}}, {}, "", "unknown value: date"),
        ({"inputs": {"a": {"odd": 1}}}, {}, "", "unknown keys: odd"),
        ({"inputs": {"a": {"type": "number", "default": "x"}}}, {}, "", "default value is not a number"),
        (None, {"a": 1}, "", "not defined in the `spec` section"),
        (SPEC, {}, "$[[ inputs.nope ]]", "unknown interpolation key: `nope`"),
        (SPEC, {}, "$[[ other.word ]]", "unknown interpolation"),
        (SPEC, {}, "$[[ inputs.word | shout ]]", "no function matching `shout`"),
        (SPEC, {}, "$[[ inputs.n | truncate(0,1) ]]", "must be a string"),
        (SPEC, {}, "$[[ inputs.word | expand_vars | expand_vars | expand_vars | expand_vars ]]", "too many functions"),
    ],
)
def test_wrong_inputs(spec: Any, given_values: dict[str, Any], text: str, says: str) -> None:
    """Missing, unknown and unfitting inputs are refused by name."""
    with pytest.raises(ConfigError, match=re.escape(says)):
        interpolate(text, resolve(spec, given_values, "f"), {}, "f")


@given(st.text(max_size=30), st.integers(0, 40), st.integers(0, 40))
def test_truncate_is_a_slice(word: str, start: int, length: int) -> None:
    """`truncate(start,length)` takes that part of any text."""
    values = resolve({"inputs": {"w": None}}, {"w": word}, "f")
    assert interpolate(f"$[[ inputs.w | truncate({start},{length}) ]]", values, {}, "f") == word[start : start + length]


@pytest.mark.parametrize(
    ("pattern", "path", "rule", "artifact"),
    [
        ("a.txt", "a.txt", True, True),
        ("*.txt", "a.txt", True, True),
        ("*.txt", "d/a.txt", False, False),
        ("**/*.txt", "a.txt", True, True),
        ("**/*.txt", "d/e/a.txt", True, True),
        ("d/**/*", "d/e/f", True, True),
        ("d/**", "d/e/f", False, True),
        ("d", "d/e/f", False, True),
        ("d/", "d/e", False, True),
        ("*.{py,sh}", "a.sh", True, True),
        ("[ab].x", "b.x", True, True),
        ("[!ab].x", "b.x", False, False),
        ("a?c", "abc", True, True),
        (".*", ".env", True, True),
        ("*", ".env", True, True),
        ("a+(b)", "a+(b)", True, True),
        ("{a", "{a", True, True),
        ("[a", "[a", True, True),
    ],
)
def test_path_patterns(pattern: str, path: str, rule: bool, artifact: bool) -> None:
    """Rules match like Ruby's fnmatch, artifacts like doublestar with whole directories."""
    assert globs.matches_rule(pattern, [path]) is rule
    assert globs.matches_artifact(pattern, path) is artifact


@given(st.text(alphabet="ab*?[]{},!^-\\/.", max_size=15), st.text(alphabet="ab/.", max_size=8))
def test_any_pattern_is_a_pattern(pattern: str, path: str) -> None:
    """No pattern makes matching fail."""
    globs.matches_rule(pattern, [path])
    globs.matches_artifact(pattern, path)
    globs.matches_include(pattern, [path])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        (90, 90),
        ("1h 30m", 5400),
        ("1 hour and 30 minutes", 5400),
        ("2 days", 172800),
        ("1.5h", 5400),
        ("soon", None),
        ("", None),
        ("1 x", None),
        (True, None),
    ],
)
def test_durations(text: object, expected: int | None) -> None:
    """Durations are read as people write them."""
    assert durations.seconds(text) == expected


@given(st.lists(st.sampled_from([b"se", b"cret", b"secret", b"s", b"ecre", b"\n", b"x"]), max_size=30))
def test_a_secret_never_passes_in_pieces(chunks: list[bytes]) -> None:
    """However output is cut into chunks, a masked value never shows, and nothing else is lost."""
    masker = Masker(["secret"])
    shown = b"".join(masker.feed(chunk) for chunk in chunks) + masker.flush()
    assert b"secret" not in shown.replace(b"[MASKED]", b"|")
    assert shown == b"".join(chunks).replace(b"secret", b"[MASKED]")
