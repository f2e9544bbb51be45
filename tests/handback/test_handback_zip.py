"""What is uploaded to Lambda: the same bytes everywhere, and complete."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

from orchestrator.effects.handback_zip import HANDLER, build_handback_zip

_DIGEST = "import os; os.umask(0o077); from orchestrator.effects.handback_zip import build_handback_zip as b"
_LOAD = """
import importlib, json, sys
module, _, name = sys.argv[2].rpartition(".")
sys.path.insert(0, sys.argv[1])
function = getattr(importlib.import_module(module), name)
ours = {name: found.__file__ for name, found in sys.modules.items() if name.split(".")[0] == "orchestrator"}
print(json.dumps(sorted(name for name, file in ours.items() if file.startswith(sys.argv[1]))))
assert all(file.startswith(sys.argv[1]) for file in ours.values()), ours
"""


def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Another directory, time zone and umask give the same digest, so an unchanged function is not uploaded again."""
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", f"{_DIGEST}; print(b().sha256)"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == build_handback_zip().sha256


def test_the_zip_is_all_that_the_function_needs(tmp_path: Path) -> None:
    """The handler loads from the zip alone, with nothing beside it but the standard library and boto3."""
    file = tmp_path / "handback.zip"
    file.write_bytes(build_handback_zip().content)
    done = subprocess.run(
        [sys.executable, "-I", "-c", _LOAD, str(file), HANDLER], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "orchestrator.handback.marker" in done.stdout


def test_the_zip_holds_only_what_travels() -> None:
    """Nothing but the function, its call of GitLab and the errors is in the zip, and no bytecode."""
    names = zipfile.ZipFile(BytesIO(build_handback_zip().content)).namelist()
    assert names == sorted(names)
    ours = ("__init__", "aws_calls", "errors", "gitlab_trigger", "patience", "redaction")
    alone = {f"orchestrator/{name}.py" for name in ours}
    assert all(name in alone or name.startswith("orchestrator/handback/") for name in names)
    assert all(name.endswith(".py") for name in names)
