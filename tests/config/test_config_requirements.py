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


POETRY = b'[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "^3.12"\nlxml = "^6"\n'
PIPFILE = b'[packages]\nlxml = "*"\n[requires]\npython_version = "3.12"\n'


@pytest.mark.parametrize(
    ("path", "content", "remedy"),
    [
        ("pyproject.toml", POETRY, "`poetry export --output requirements.txt`"),
        ("src/pyproject.toml", b'[project]\nname = "x"\ndynamic = ["dependencies"]\n' + POETRY, "poetry export"),
        ("Pipfile", PIPFILE, "`pipenv requirements > requirements.txt`"),
    ],
)
def test_what_only_another_tool_reads_is_not_left_out_in_silence(path: str, content: bytes, remedy: str) -> None:
    """A package without its dependencies would fail where it runs: it is refused, with both ways out."""
    with pytest.raises(ConfigurationError, match="has dependencies that only") as caught:
        requirements_file("parser", package("{source: src}"), {path: content}.get)
    assert path in caught.value.detail
    assert remedy in caught.value.hint
    assert "requirements: null" in caught.value.hint
    beside = {path: content, "requirements.txt": b"lxml"}
    if not path.startswith("src/"):
        assert requirements_file("parser", package("{source: src}"), beside.get) == "requirements.txt"
    assert requirements_file("parser", package("{source: src, requirements: null}"), {path: content}.get) is None


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pyproject.toml", b'[tool.poetry.dependencies]\npython = "^3.12"\n'),
        ("pyproject.toml", b"[tool.poetry.group.dev.dependencies]\nruff = '*'\n"),
        ("pyproject.toml", b"[tool]\npoetry = 1\n"),
        ("Pipfile", b"[dev-packages]\nruff = '*'\n"),
        ("Pipfile", b"not [toml"),
    ],
)
def test_tools_of_people_are_no_dependencies(path: str, content: bytes) -> None:
    """What is only there for development, or says nothing, is no reason to refuse."""
    assert requirements_file("parser", package("{}"), {path: content}.get) is None


def test_no_file_means_no_requirements() -> None:
    """A repository without requirements is a package without requirements."""
    assert found("{}", "handler.py") is None


def test_a_missing_file_is_named() -> None:
    """A requirements file that the commit lacks is a mistake of the configuration."""
    with pytest.raises(ConfigurationError, match=r"packages\.parser\.requirements") as caught:
        found("{requirements: gone.txt}")
    assert "gone.txt" in caught.value.detail
