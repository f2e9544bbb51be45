"""An entry that lists both architectures stands for two packages."""

from __future__ import annotations

import pytest

from orchestrator.config.load import parse
from orchestrator.errors import ConfigurationError
from orchestrator.vocabulary import Architecture

START = "project: demo\nregion: eu-central-1\npackages:\n"


def problems_of(text: str) -> str:
    """Return what is said about a file that is refused."""
    with pytest.raises(ConfigurationError) as caught:
        parse(START + text, "orchestrator.yml", {})
    return str(caught.value)


@pytest.mark.parametrize("order", ["[arm64, x86_64]", "[x86_64, arm64]"])
def test_a_list_of_both_is_two_packages(order: str) -> None:
    """Each is built for its architecture with its own default image; everything else is the same."""
    found = parse(f"{START}  parser: {{architecture: {order}, source: src}}\n  other: {{}}\n", "orchestrator.yml", {})
    assert list(found.packages) == ["other", "parser-arm64", "parser-x86-64"]
    arm, intel = found.packages["parser-arm64"], found.packages["parser-x86-64"]
    assert (arm.architecture, intel.architecture) == (Architecture.ARM64, Architecture.X86_64)
    assert ("aarch64" in arm.build.image, "x86_64" in intel.build.image) == (True, True)
    assert arm.model_dump(exclude={"architecture", "build"}) == intel.model_dump(exclude={"architecture", "build"})


def test_it_is_what_two_entries_would_be() -> None:
    """The list is another way to write two entries, so nothing in AWS depends on which of them was written."""
    one = parse(f"{START}  parser: {{architecture: [arm64, x86_64]}}\n", "orchestrator.yml", {})
    two = parse(f"{START}  parser-arm64: {{}}\n  parser-x86-64: {{architecture: x86_64}}\n", "orchestrator.yml", {})
    assert one == two


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "  parser: {architecture: [arm64]}\n",
            "4: packages.parser.architecture: expected `arm64` or `x86_64`, found a",
        ),
        ("  parser: {architecture: [arm64, arm64]}\n", "4: packages.parser.architecture: expected `arm64` or"),
        ("  parser: {architecture: []}\n", "4: packages.parser.architecture: expected `arm64` or"),
        (
            "  parser:\n    architecture: [arm64, x86_64]\n  parser-arm64: {}\n",
            "6: packages.parser-arm64: `parser` for",
        ),
        ("  Parser:\n    architecture: [arm64, x86_64]\n", "4: packages.Parser: expected 1 to 63 lower-case"),
        (
            "  parser:\n    architecture: [arm64, x86_64]\n    build:\n      image: public.ecr.aws/x/y:latest-arm64\n"
            "      timeout_minutes: 1\n",
            "8: packages.parser.build.timeout_minutes: expected a whole number from 5 to 2160",
        ),
    ],
    ids=["one", "twice", "none", "taken", "name", "inside"],
)
def test_what_is_wrong_is_told_once_where_it_was_written(text: str, told: str) -> None:
    """A mistake in an entry for two packages has the line and the name that its author knows."""
    said = problems_of(text)
    assert said.count(told) == 1
    assert "x86-64" not in said.replace(told, "")
