"""The layer that a person once built by hand over days: compiled from source in the loop, with its libraries."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator.packaging.inspection.inspect import inspect
from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.smoke import smoke
from orchestrator.packaging.wheels.interpreter import interpreter_of

pytestmark = pytest.mark.e2e
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
# The runtimes whose C library is not older than the ones that today's distributions compile for.
RUNTIMES = ("python3.14", "python3.13", "python3.12")


def runtime() -> str:
    """Return a runtime whose Python this machine has, which CI must; elsewhere the test says that it was left out."""
    found = [name for name in RUNTIMES if interpreter_of(target_of(ARCHITECTURE, name))]
    if not found and not os.environ.get("CI"):
        pytest.skip("this machine has no Python 3.12 to 3.14 that could compile")
    assert found, "CI must have a Python 3.12 to 3.14"
    return found[0]


def test_a_layer_is_compiled_and_works_below_its_function(tmp_path: Path) -> None:
    """Pycurl arrives as a layer with its own libcurl, nothing left to the runtime, and the probe runs on top of it."""
    name, output = runtime(), tmp_path / "demo"
    outcome = subprocess.run(
        [
            *(sys.executable, "-m", "orchestrator", "demo", "--example", "pycurl-layer", "--json"),
            *("--architecture", ARCHITECTURE, "--runtime", name, "--output", str(output)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    layer, function = output / "pycurl" / "package.zip", output / "probe" / "package.zip"
    manifest = json.loads((output / "pycurl" / "manifest.json").read_text())
    assert (manifest["kind"], manifest["compiled"]) == ("layer", ["pycurl"])
    with zipfile.ZipFile(layer) as archive:
        assert any("pycurl.libs/libcurl-" in member for member in archive.namelist())
    target = target_of(ARCHITECTURE, name)
    assert inspect(layer, target).findings == ()
    smoke(function, [layer], "function", target, ["handler"], tmp_path / "smoke")
    said = "\n".join(path.read_text() for path in (output / "logs").glob("test-*.log"))
    assert "probe: pycurl-probe-test:test answered " in said
    assert '"libcurl": "PycURL/' in said
