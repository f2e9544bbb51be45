"""`runtime-versions`: the emulator has the host's runtimes only, and says which one a build gets."""

from __future__ import annotations

import re
import shutil
import subprocess

from orchestrator.emulator.aws.container.buildspec import Buildspec
from orchestrator.emulator.aws.container.environment import search_path
from orchestrator.emulator.aws.container.logs import BuildLog
from orchestrator.emulator.aws.container.nodes import YamlFileError
from orchestrator.emulator.aws.container.private_system import PrivateSystem
from orchestrator.packaging.wheels.interpreter import Interpreter, find_python

_MINOR = re.compile(r"3\.[0-9]{1,2}")


def select_runtimes(buildspec: Buildspec, system: PrivateSystem, log: BuildLog) -> None:
    """Put the Python that is asked for on the build's PATH, and log what it gets.

    A version that this machine does not have becomes the machine's `python3`. Raises YamlFileError when there is none.
    """
    install = buildspec.phases.get("install")
    for name, version in (install.runtime_versions if install else {}).items():
        log.container(f"Selecting '{name}' runtime version '{version}' based on manual selections...")
        if name == "python":
            log.container(f"The emulator runs it with this machine's {_select_python(version, system)}")


def _select_python(version: str, system: PrivateSystem) -> str:
    # The tools of a build are installed with pip, which CodeBuild's own Pythons have.
    found = find_python(version, preferred=_usable) if _MINOR.fullmatch(version) else None
    if found is None or not found.pip:
        return _host_python()
    system.add_python(found.path, version)
    return f"Python {found.version}"


def _usable(found: Interpreter) -> bool:
    return found.headers and found.pip


def _host_python() -> str:
    python = shutil.which("python3", path=search_path())
    if python is None:
        raise YamlFileError("Unknown runtime named python: no python3 on this machine")
    version = subprocess.run([python, "-V"], capture_output=True, text=True, timeout=30, check=False)
    return version.stdout.strip() or python
