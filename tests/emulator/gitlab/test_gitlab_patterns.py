"""Regular expressions of CI files: what RE2 takes, and that none runs away."""

from __future__ import annotations

import pytest

from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.expression import holds


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"/^v\d+(\.\d+)*$/", "v1.20.300.4000.50000", True),
        (r"/^v\d+(\.\d+)*$/", "v1.20.300.4000.50000-rc", False),
        (r"/^(feature|fix)\/[a-z]+(-[a-z]+)*$/", "feature/some-longer-name", True),
        (r"/^release-.*$/i", "RELEASE-1", True),
        (r"/[)*+]/", "a)b", True),
        (r"/\(x\)+/", "(x))", True),
        (r"/^[^@]+@[^@]+$/", "a@" + "b" * 3000, True),
        (r"/(?P<major>\d+)\.x/", "12.x", True),
        (r"/(?i)MAIN/", "main", True),
        (r"/^main\z/", "main", True),
    ],
)
def test_usual_patterns_work(pattern: str, text: str, expected: bool) -> None:
    """Groups that repeat, classes, flags and long texts match as in RE2."""
    assert holds(f"$TEXT =~ {pattern}", {"TEXT": text}) is expected


@pytest.mark.parametrize(
    "pattern",
    [r"/^(?!main).*$/", r"/(?<=a)b/", r"/(a)\1/", r"/(?=x)/", "/(/", "/" + "a" * 2001 + "/"],
)
def test_what_re2_does_not_have_is_refused(pattern: str) -> None:
    """Look-around and back-references are errors as on GitLab, and so is a pattern that is much too long."""
    with pytest.raises(ConfigError, match="invalid expression syntax"):
        holds(f"$TEXT =~ {pattern}", {"TEXT": "aa"})


@pytest.mark.parametrize("pattern", ["/^(a+)+$/", "/^a*a*a*a*a*a*a*a*a*a*$/"])
def test_a_hostile_pattern_is_given_up(pattern: str) -> None:
    """A search that would last for years, and this test with it, is an answer or an error."""
    try:
        assert not holds(f"$TEXT =~ {pattern}", {"TEXT": "a" * 100 + "!"})
    except ConfigError as problem:
        assert "takes too long" in str(problem)
