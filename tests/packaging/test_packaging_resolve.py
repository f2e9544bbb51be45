"""Requirement sets as they are in the wild, resolved and installed with the real uv and the real index."""

from __future__ import annotations

import platform
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

HERE = f"python{sys.version_info[0]}.{sys.version_info[1]}"
NATIVE = "x86_64" if platform.machine() == "x86_64" else "arm64"
OTHER = "arm64" if NATIVE == "x86_64" else "x86_64"
PROJECT = '[project]\nname = "mylib"\nversion = "1.0"\ndependencies = ["six"]\n'
PROJECT += '[project.optional-dependencies]\nmore = ["idna"]\n'
PROJECT += '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


def _package(case: Any, tools: Path, files: dict[str, str], *, code: int = 0, **settings: Any) -> str:
    case.use(tools)
    case.settings.update(settings)
    case.commit({"handler.py": "a = 1\n", **files})
    case.run("fetch")
    return str(case.run("build", code=code))


def _names(case: Any) -> set[str]:
    return set(zipfile.ZipFile(case.private / "package.zip").namelist())


@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
def test_wheel_must_fit_the_c_library(case: Any, tools: Path, runtime: str) -> None:
    """Amazon Linux 2 gets the newest release whose wheel its C library can load, without anyone pinning it."""
    _package(case, tools, {"requirements.txt": "numpy\n"}, runtime=runtime)
    assert any(name.startswith("numpy/_core/_multiarray_umath.cpython-3") for name in _names(case))


def test_markers_are_those_of_the_target(case: Any, tools: Path) -> None:
    """Environment markers are evaluated for the runtime and architecture, not for this machine."""
    lines = "idna==3.10; python_version == '3.14' and platform_machine == 'aarch64'\nsix; sys_platform == 'win32'\n"
    _package(case, tools, {"requirements.txt": lines}, runtime="python3.14", architecture="arm64")
    assert "idna/core.py" in _names(case)
    assert "six.py" not in _names(case)


def test_requirement_without_wheel_is_named(case: Any, tools: Path) -> None:
    """What would have to be compiled for another machine is named, all of it at once."""
    said = _package(
        case, tools, {"requirements.txt": "docopt==0.6.2\npsutil==5.4.0\nsix\n"}, code=1, architecture=OTHER
    )
    assert "`docopt`, `psutil`" in said


def test_requirement_without_wheel_is_compiled_on_the_target(case: Any, tools: Path) -> None:
    """On a machine like the target, what has no wheel is compiled with the package's environment."""
    settings = {"runtime": HERE, "architecture": NATIVE}
    said = _package(case, tools, {"requirements.txt": "docopt==0.6.2\nlxml\n"}, **settings)
    assert "compiled docopt" in said
    assert "docopt.py" in _names(case)


@pytest.mark.parametrize("line", ["-e .", "-e .[more]", "."])
def test_own_project_is_installed_for_real(case: Any, tools: Path, line: str) -> None:
    """An editable install becomes a real one, with its dependencies; no link to this machine is packed."""
    files = {"pyproject.toml": PROJECT, "mylib/__init__.py": "", "requirements.txt": f"{line}\n"}
    _package(case, tools, files, source="mylib")
    names = _names(case)
    assert {"mylib/__init__.py", "mylib-1.0.dist-info/METADATA", "six.py"} <= names
    assert ("idna/core.py" in names) == ("more" in line)
    assert not [name for name in names if name.endswith((".pth", "direct_url.json", "uv_cache.json"))]


def test_hashed_file_is_used_as_it_is(case: Any, tools: Path) -> None:
    """A file with hashes is the lock; a wrong hash is refused and nothing is packed."""
    wrong = f"six==1.17.0 --hash=sha256:{'0' * 64}\n"
    assert "Hash mismatch" in _package(case, tools, {"requirements.txt": wrong}, code=5)
    assert not (case.private / "package.zip").exists()
    right = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"
    _package(case, tools, {"requirements.txt": f"six==1.17.0 --hash=sha256:{right}\n"})
    assert "six.py" in _names(case)


@pytest.mark.parametrize(
    ("requirements", "code", "said"),
    [
        ("six==99\n", 1, "no version of six==99"),
        ("six===\n", 1, "parse"),
        ("six==1.16.0\nsix==1.17.0\n", 1, "six"),
        ("--find-links http://127.0.0.1:9/\nsix\n", 3, "127.0.0.1:9"),
        ("a @ git+https://127.0.0.1:9/a.git\n", 1, "version control"),
        (
            "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\nidna\n",
            1,
            "idna",
        ),
        ("-e .\n", 2, "not a Python project"),
    ],
)
def test_reason_is_given(case: Any, tools: Path, requirements: str, code: int, said: str) -> None:
    """A set that cannot be had ends with the exit code of whoever has to act, and names the culprit."""
    assert said in _package(case, tools, {"requirements.txt": requirements}, code=code)


def test_nothing_but_comments(case: Any, tools: Path) -> None:
    """A requirement file without requirements gives a package without dependencies."""
    _package(case, tools, {"requirements.txt": "# nothing yet\n"})
    assert _names(case) == {"handler.py", "requirements.txt"}


def test_foreign_machine_code_of_the_commit_is_refused(case: Any, tools: Path) -> None:
    """A library for the wrong machine in the commit itself is refused and named."""
    case.use(tools)
    case.settings.update(requirements=None, architecture="arm64")
    case.repository.joinpath("lib.so").write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 11 + b"\x3e\x00" + b"\0" * 44)
    case.commit({"handler.py": "a = 1\n"})
    case.run("fetch")
    said = case.run("build", code=5)
    assert "lib.so: observed ELF 64-bit little-endian x86_64" in said
