"""The zipapp is the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

from orchestrator.effects.zipapp import build_zipapp

_ASK = "from orchestrator.effects.zipapp import build_zipapp; print(build_zipapp().sha256)"


def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Another directory, time zone and umask give the same digest, so it is known before anything is uploaded."""
    environment = {**os.environ, "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7"}
    root = Path(__file__).resolve().parents[2]
    environment["PYTHONPATH"] = str(root)
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.umask(0o077); {_ASK}"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == build_zipapp().sha256


def test_holds_only_what_travels() -> None:
    """The zipapp carries the packaging code, the call of GitLab, the errors and the tools' lock, and no bytecode."""
    ours = ("__init__", "aws_calls", "errors", "gitlab_trigger", "patience", "redacted_stream", "redaction")
    alone = {"__main__.py", *(f"orchestrator/{name}.py" for name in ours)}
    names = zipfile.ZipFile(BytesIO(build_zipapp().content)).namelist()
    assert names == sorted(names)
    assert {*alone, "orchestrator/packaging/inside/tools.lock"} <= set(names)
    assert all(name in alone or name.startswith("orchestrator/packaging/") for name in names)
    assert not [name for name in names if "pycache" in name]


def test_runs_on_every_supported_python(tmp_path: Path) -> None:
    """The zipapp starts on each Python of the machine that it supports, with the standard library alone."""
    file = tmp_path / "orchestrator.pyz"
    file.write_bytes(build_zipapp().content)
    pythons = {sys.executable, *(str(path) for path in Path.home().glob(".pyenv/versions/3.1[0-4]*/bin/python"))}
    for python in sorted(pythons):
        done = subprocess.run([python, "-I", "-S", file], capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, "usage:" in done.stderr) == (2, True), done.stderr
