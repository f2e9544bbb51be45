"""`orchestrator package plan`, as it is seen on a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PYLOCK = """lock-version = "1.0"
created-by = "test"
[[packages]]
name = "numpy"
version = "2.4"
sdist = { url = "https://x.example.org/numpy-2.4.tar.gz", hashes = { sha256 = "SHA" } }
wheels = [
  { url = "https://x.example.org/numpy-2.4-cp313-cp313-manylinux_2_27_aarch64.whl", hashes = { sha256 = "SHA" } },
]
[[packages]]
name = "six"
version = "1.17.0"
wheels = [{ url = "https://x.example.org/six-1.17.0-py2.py3-none-any.whl", hashes = { sha256 = "SHA" } }]
""".replace("SHA", "a" * 64)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give the command, with an index that nobody needs to reach."""
    environment = {**os.environ, "UV_DEFAULT_INDEX": "file:///nothing", "HOME": str(tmp_path)}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "orchestrator", "package", "plan", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    return call


def test_every_dependency_and_target_is_told(run: Run, tmp_path: Path) -> None:
    """The lock beside the sources is found; each target has its lines, and the last one the conclusion."""
    (tmp_path / "pylock.toml").write_text(PYLOCK)
    done = run("--runtime", "python3.13", "--runtime", "python3.11")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "python3.13 on arm64 (glibc <= 2.34): 2 wheels",
        "  numpy  2.4     wheel  numpy-2.4-cp313-cp313-manylinux_2_27_aarch64.whl",
        "  six    1.17.0  wheel  six-1.17.0-py2.py3-none-any.whl",
        "",
        "python3.11 on arm64 (glibc <= 2.26): 1 wheel, 1 to compile",
        "  numpy  2.4     must be compiled  no wheel of numpy 2.4 for glibc <= 2.26 on aarch64 / cp311",
        "  six    1.17.0  wheel             six-1.17.0-py2.py3-none-any.whl",
        "",
        "CodeBuild is needed: python3.11 on arm64 (numpy 2.4)",
    ]
    assert "planning" in done.stderr


def test_what_is_impossible_ends_with_one(run: Run, tmp_path: Path) -> None:
    """A pipeline can stop here, and read as JSON what it was."""
    (tmp_path / "pylock.toml").write_text(PYLOCK.replace("sdist =", "attestation-identities = []\n# sdist ="))
    done = run("--runtime", "python3.11", "--json")
    assert done.returncode == 1
    target = json.loads(done.stdout)["targets"][0]
    assert [(item["name"], item["verdict"]) for item in target["packages"]] == [
        ("numpy", "impossible"),
        ("six", "wheel"),
    ]
    assert target["needs_codebuild"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing in `.` says what it requires"),
        (["--runtime", "python2.7"], "the runtime `python2.7` is not known"),
        (["--architecture", "arm"], "the architecture `arm` is not known"),
    ],
)
def test_usage_is_told(run: Run, arguments: list[str], said: str) -> None:
    """What was asked wrongly ends with 2 and says how to ask."""
    done = run(*arguments)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert "hint:" in done.stderr
