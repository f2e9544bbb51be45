"""Finding the target's Python among what a machine has: shims that fail, links that lie, builds without a lock."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels.interpreter import find_python, interpreter_of

HERE = {"aarch64": "arm64", "x86_64": "x86_64"}[platform.machine()]
OTHER = {"aarch64": "x86_64", "x86_64": "arm64"}[platform.machine()]
VERSION = "3.99"
RIGHT = f"cpython-399-{platform.machine()}-linux-gnu"


def program(folder: Path, answer: str, name: str = f"python{VERSION}") -> Path:
    """Make a program that says `answer` of itself, whatever it is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def find(tmp_path: Path, *folders: Path) -> Path | None:
    """Look for the version with these folders on PATH."""
    environ = {"PATH": ":".join(map(str, folders)), "PYENV_ROOT": str(tmp_path / "pyenv")}
    found = find_python(VERSION, preferred=lambda found: found.headers, environ=environ)
    return found.path if found else None


@pytest.mark.parametrize(
    "answer",
    [
        "echo 'pyenv: python3.99: command not found' >&2; exit 127",
        f"echo cpython-399t-{platform.machine()}-linux-gnu 3.99.0 True True",
        f"echo cpython-399-{platform.machine()}-linux-musl 3.99.0 True True",
        "echo cpython-399-sparc64-linux-gnu 3.99.0 True True",
        f"echo cpython-398-{platform.machine()}-linux-gnu 3.98.0 True True",
        "echo pypy399-pp73-linux-gnu 3.99.0 True True",
        "echo",
        f"echo {RIGHT} 3.99.0 True True; exit 1",
    ],
)
def test_a_program_that_is_not_what_it_is_called_is_passed_over(tmp_path: Path, answer: str) -> None:
    """Whatever stands first on PATH, the one that proves to be the target's is taken."""
    program(tmp_path / "first", answer)
    right = program(tmp_path / "second", f"echo {RIGHT} 3.99.1 True True")
    assert find(tmp_path, tmp_path / "first", tmp_path / "second") == right


def test_where_nothing_is_right_there_is_none(tmp_path: Path) -> None:
    """A wrong Python is never taken for want of a better one."""
    program(tmp_path / "first", f"echo cpython-399t-{platform.machine()}-linux-gnu 3.99.0 True True")
    assert find(tmp_path, tmp_path / "first") is None


def test_one_with_headers_comes_before_one_without(tmp_path: Path) -> None:
    """Only a Python with headers can compile, but one without can still be asked to import."""
    bare = program(tmp_path / "bare", f"echo {RIGHT} 3.99.1 False True")
    whole = program(tmp_path / "whole", f"echo {RIGHT} 3.99.0 True True", "python3")
    assert find(tmp_path, tmp_path / "bare", tmp_path / "whole") == whole
    assert find(tmp_path, tmp_path / "bare") == bare


def test_versions_of_pyenv_are_found_without_being_selected_newest_first(tmp_path: Path) -> None:
    """The programs of pyenv itself fail for versions that are not selected; the folders of its versions do not."""
    program(tmp_path / "pyenv" / "shims", "exit 127")
    program(tmp_path / "pyenv" / "versions" / "3.99.9" / "bin", f"echo {RIGHT} 3.99.9 True True")
    newest = program(tmp_path / "pyenv" / "versions" / "3.99.10" / "bin", f"echo {RIGHT} 3.99.10 True True")
    assert find(tmp_path, tmp_path / "pyenv" / "shims") == newest


def test_this_python_is_one_and_another_machine_has_none() -> None:
    """The Python that runs this can compile for its own target, and for none of the other architecture."""
    runtime = f"python3.{sys.version_info[1]}"
    assert interpreter_of(target_of(HERE, runtime)) == Path(sys.executable)
    assert interpreter_of(target_of(OTHER, runtime)) is None
    assert interpreter_of(target_of(HERE, "provided.al2023")) is None
