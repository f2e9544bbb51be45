"""`runtime-versions`: the emulator has the host's runtimes only, and says which one a build gets."""

from __future__ import annotations

import shutil
import subprocess

from orchestrator.emulator.aws.container.buildspec import Buildspec
from orchestrator.emulator.aws.container.logs import BuildLog
from orchestrator.emulator.aws.container.nodes import YamlFileError


def select_runtimes(buildspec: Buildspec, path: str, log: BuildLog) -> None:
    """Log the selected runtimes; raise YamlFileError when `python` is asked for and `path` has no python3."""
    install = buildspec.phases.get("install")
    for name, version in (install.runtime_versions if install else {}).items():
        log.container(f"Selecting '{name}' runtime version '{version}' based on manual selections...")
        if name == "python":
            log.container(f"The emulator runs it with this machine's {_host_python(path)}")


def _host_python(path: str) -> str:
    python = shutil.which("python3", path=path)
    if python is None:
        raise YamlFileError("Unknown runtime named python: no python3 on this machine")
    version = subprocess.run([python, "-V"], capture_output=True, text=True, timeout=30, check=False)
    return version.stdout.strip() or python
