"""Smoke: a finished package imports with nothing but itself, its layers and the runtime's Python."""

from __future__ import annotations

import platform
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator.errors import BuildFailed, ConfigurationError
from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.smoke import smoke

HERE = {"aarch64": "arm64", "x86_64": "x86_64"}[platform.machine()]
OTHER = {"aarch64": "x86_64", "x86_64": "arm64"}[platform.machine()]
RUNTIME = f"python3.{sys.version_info[1]}"
TARGET = target_of(HERE, RUNTIME)
SITE = f"python/lib/{RUNTIME}/site-packages"


def zipped(path: Path, files: dict[str, str]) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def check(tmp_path: Path, files: dict[str, str], *modules: str, kind: str = "function", seconds: float = 30) -> None:
    """Try the modules of a package of these files."""
    package = zipped(tmp_path / "package.zip", files)
    smoke(package, (), kind, TARGET, modules or ("app",), tmp_path / "scratch", timeout_seconds=seconds)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("function", "app.py"), ("custom", "app.py"), ("layer", "python/app.py"), ("layer", f"{SITE}/app.py")],
)
def test_modules_are_found_where_lambda_finds_them(tmp_path: Path, kind: str, name: str) -> None:
    """Each kind has its own place, and nothing is left of the try."""
    check(tmp_path, {name: "import json, sqlite3"}, kind=kind)
    assert not (tmp_path / "scratch").exists()


def test_a_layer_is_below_the_function_and_the_function_comes_first(tmp_path: Path) -> None:
    """`/var/task` is looked at before `/opt/python`, and both can be used together."""
    layer = zipped(tmp_path / "layer.zip", {"python/below.py": "X = 1", "python/both.py": "raise SystemError"})
    package = zipped(tmp_path / "package.zip", {"app.py": "import below, both", "both.py": ""})
    smoke(package, [layer], "function", TARGET, ["app"], tmp_path / "scratch")


def test_nothing_of_this_machine_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what is installed here, not the variables, not the current directory, not the account."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "helper.py").touch()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("PYTHONPATH", "AWS_SECRET_ACCESS_KEY", "HELPER"):
        monkeypatch.setenv(name, str(tmp_path / "here"))
    code = "import os\nassert not [n for n in os.environ if n.startswith(('AWS_', 'PYTHON', 'HELPER'))], os.environ"
    check(tmp_path, {"app.py": code})
    for module in ("helper", "pytest", "pip", "boto3"):
        with pytest.raises(BuildFailed, match=f"`import {module}` fails .* No module named '{module}'"):
            check(tmp_path, {"app.py": ""}, module)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ImportError('libcurl link-time ssl backend (openssl) is different')", "link-time ssl backend"),
        ("import absent_dependency", "No module named 'absent_dependency'"),
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "ended the process with 3"),
        ("import os; os.abort()", "killed by SIGABRT"),
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
        ("import os; os._exit(0)", "ended the process with 0 before it was imported"),
        ("import time; time.sleep(60)", "did not end within 1 seconds"),
        ("import ctypes; ctypes.CDLL('libnowhere.so.1')", "libnowhere.so.1"),
    ],
)
def test_a_failure_names_the_module_and_its_end(tmp_path: Path, code: str, words: str) -> None:
    """What a function would die of in Lambda is told now: the exception, the signal, the time."""
    with pytest.raises(BuildFailed, match="`import app` fails in the finished package") as caught:
        check(tmp_path, {"app.py": code}, seconds=1 if "sleep" in code else 30)
    assert words in caught.value.what
    assert not (tmp_path / "scratch").exists()


def test_each_module_has_a_process_of_its_own(tmp_path: Path) -> None:
    """What one import leaves behind does not help the next."""
    files = {"first.py": "import sys; sys.modules['second'] = sys", "second.py": "raise RuntimeError('seen')"}
    with pytest.raises(BuildFailed, match="`import second` fails"):
        check(tmp_path, files, "first", "second")


@pytest.mark.parametrize("name", ["../escaped.py", "/escaped.py"])
def test_a_name_that_leaves_the_package_is_not_written(tmp_path: Path, name: str) -> None:
    """Whoever made the zip, nothing is written outside."""
    with pytest.raises(BuildFailed, match="not safe"):
        check(tmp_path, {name: ""})
    assert not list(tmp_path.rglob("escaped.py"))


def test_what_cannot_run_here_is_said_and_nothing_asked_is_nothing_done(tmp_path: Path) -> None:
    """Another machine's code is not tried; a package without `smoke` needs no Python at all."""
    package = zipped(tmp_path / "package.zip", {"app.py": ""})
    foreign = target_of(OTHER, RUNTIME)
    with pytest.raises(ConfigurationError, match="cannot be imported here") as caught:
        smoke(package, (), "function", foreign, ["app"], tmp_path / "scratch")
    assert OTHER in caught.value.detail
    smoke(package, (), "function", foreign, [], tmp_path / "scratch")
