"""What a shell offers when somebody presses the tab key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from orchestrator.cli.reference import leaves

SMALL = "project: demo\nregion: eu-central-1\npackages:\n  parser: {}\n  pages: {kind: layer}\n"
BUILD = "demo-parser:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
# How commands call what names a package of the configuration, or a build of it.
NAMES = {"package", "packages", "build", "builds", "build_id"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a configuration, and with what a build has left."""
    (tmp_path / "orchestrator.yml").write_text(SMALL)
    work = tmp_path / ".orchestrator"
    work.mkdir()
    (work / "builds.json").write_text(json.dumps({"builds": [{"package": "parser", "build_id": BUILD}]}))
    return tmp_path


def offered(folder: Path, *words: str) -> list[str]:
    """Return what bash offers after these words, with the script that `completion` prints."""
    line = " ".join(f"'{word}'" for word in words)
    script = (
        'eval "$(orchestrator completion bash)" || exit 1\n'
        f"COMP_WORDS=({line})\nCOMP_CWORD={len(words) - 1}\n"
        f"_orchestrator_completion orchestrator '{words[-1]}' '{words[-2]}'\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    outcome = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert outcome.stderr == ""
    return outcome.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bui"], ["build", "builds"]),
        (["package", "in"], ["inspect"]),
        (["local", "faults", "sh"], ["show"]),
        (["completion", "z"], ["zsh"]),
        (["build", "--pac"], ["--package"]),
        (["build", "--package", ""], ["parser", "pages"]),
        (["build", "--package", "pars"], ["parser"]),
        (["show", ""], [BUILD]),
        (["show", "demo-p"], [BUILD]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bash_offers_what_fits(project: Path, words: list[str], expected: list[str]) -> None:
    """Commands, options, packages of the configuration and builds that were started here are completed."""
    assert offered(project, "orchestrator", *words) == expected


@pytest.mark.parametrize(
    ("configuration", "builds"),
    [
        (None, None),
        ("packages: [", "{"),
        ("packages: [a, b]", "[]"),
        ("- 1", '{"builds": 3}'),
        ("packages: {'a b': {}, \"x\\ny\": {}, '$(id)': {}}", '{"builds": [{"build_id": "$(id)", "package": "a"}]}'),
    ],
    ids=["missing", "broken", "lists", "other", "hostile"],
)
def test_what_cannot_be_read_offers_nothing(project: Path, configuration: str | None, builds: str | None) -> None:
    """A configuration that is missing, broken or hostile is no reason to disturb somebody who types."""
    for path, text in ((project / "orchestrator.yml", configuration), (project / ".orchestrator/builds.json", builds)):
        path.unlink() if text is None else path.write_text(text)
    assert offered(project, "orchestrator", "build", "--package", "") == []
    assert offered(project, "orchestrator", "show", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(project: Path, shell: str) -> None:
    """The script of each shell asks this command, and nothing is said beside it."""
    outcome = subprocess.run(
        [sys.executable, "-m", "orchestrator", "completion", shell], cwd=project, capture_output=True, text=True
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert f"_ORCHESTRATOR_COMPLETE={shell}_complete" in outcome.stdout


def test_whatever_names_a_package_or_a_build_is_completed() -> None:
    """A new option that takes a package of the configuration or a build cannot forget to offer them."""
    forgotten = [
        f"{context.command_path} {parameter.name}"
        for command, context in leaves()
        for parameter in command.params
        if parameter.name in NAMES and not completed(parameter)
    ]
    assert forgotten == []


def completed(parameter: click.Parameter) -> bool:
    """Tell whether an option or argument offers anything."""
    return parameter._custom_shell_complete is not None
