"""Guarantees about which file says what a package depends on."""

from __future__ import annotations

import pytest

from orchestrator.config import Package, parse, requirements_file
from orchestrator.errors import ConfigurationError

TOOLS_ONLY = b"[tool.ruff]\nline-length = 100\n"
DEPENDENCIES = b'[project]\nname = "x"\nversion = "1"\ndependencies = ["lxml"]\n'


def package(settings: str) -> Package:
    """Return a package with these settings."""
    text = f"project: p\nregion: eu-west-1\npackages: {{parser: {settings}}}\n"
    return parse(text, "orchestrator.yml", {}).packages["parser"]


def found(settings: str, *files: str) -> str | None:
    """Return the file of a package in a repository with these files, all of them empty."""
    return requirements_file("parser", package(settings), dict.fromkeys(files, b"").get)


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
    assert found(settings, "requirements.txt", "functions/parser/requirements.txt", "other.txt") == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("pylock.toml", "uv.lock", "requirements.txt"), "pylock.toml"),
        (("uv.lock", "requirements.txt"), "uv.lock"),
        (("requirements.txt",), "requirements.txt"),
        (("src/requirements.txt", "pylock.toml"), "src/requirements.txt"),
    ],
)
def test_a_lock_says_more_than_a_wish(files: tuple[str, ...], expected: str) -> None:
    """Of several files in one folder the most exact is taken; a folder nearer to the code comes first."""
    assert found("{source: src}", *files) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (DEPENDENCIES, "pyproject.toml"),
        (TOOLS_ONLY, None),
        (b"[project]\nname = 'x'\ndependencies = []\n", None),
        (b"project = 1", None),
        (b"not [toml", None),
        (b"\xff\xfe", None),
    ],
)
def test_a_pyproject_counts_only_with_dependencies(content: bytes, expected: str | None) -> None:
    """Most pyproject.toml files configure tools; they do not make a package depend on anything."""
    repository = {"pyproject.toml": content}
    assert requirements_file("parser", package("{}"), repository.get) == expected


def test_no_file_means_no_requirements() -> None:
    """A repository without requirements is a package without requirements."""
    assert found("{}", "handler.py") is None


def test_a_missing_file_is_named() -> None:
    """A requirements file that the commit lacks is a mistake of the configuration."""
    with pytest.raises(ConfigurationError, match=r"packages\.parser\.requirements") as caught:
        found("{requirements: gone.txt}")
    assert "gone.txt" in caught.value.detail
