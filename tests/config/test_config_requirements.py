"""Guarantees about which requirements file a package has."""

from __future__ import annotations

import pytest

from orchestrator.config import Package, parse, requirements_file
from orchestrator.errors import ConfigurationError

FILES = {"requirements.txt", "functions/parser/requirements.txt", "other.txt"}


def package(settings: str) -> Package:
    """Return a package with these settings."""
    text = f"project: p\nregion: eu-west-1\npackages: {{parser: {settings}}}\n"
    return parse(text, "orchestrator.yml", {}).packages["parser"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("{}", "requirements.txt"),
        ("{source: functions/parser}", "functions/parser/requirements.txt"),
        ("{source: functions/other}", "requirements.txt"),
        ("{requirements: null}", None),
        ("{requirements: other.txt}", "other.txt"),
        ("{requirements: ./other.txt}", "other.txt"),
    ],
)
def test_the_file_is_found(settings: str, expected: str | None) -> None:
    """What is written wins; else the file beside the code, else the one in the root."""
    assert requirements_file("parser", package(settings), FILES) == expected


def test_no_file_means_no_requirements() -> None:
    """A repository without requirements is a package without requirements."""
    assert requirements_file("parser", package("{}"), {"handler.py"}) is None


def test_a_missing_file_is_named() -> None:
    """A requirements file that the commit lacks is a mistake of the configuration."""
    with pytest.raises(ConfigurationError, match=r"packages\.parser\.requirements") as caught:
        requirements_file("parser", package("{requirements: gone.txt}"), FILES)
    assert "gone.txt" in caught.value.detail
