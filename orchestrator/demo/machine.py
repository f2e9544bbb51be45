"""Whether this machine can do what an example wants of it, asked before anything is started."""

from __future__ import annotations

import platform
from pathlib import Path

import yaml

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels.interpreter import interpreter_of
from orchestrator.vocabulary import Architecture

_HERE = {"aarch64": Architecture.ARM64, "x86_64": Architecture.X86_64}


def check_python(configuration: Path, architecture: Architecture | None, runtime: str | None) -> None:
    """Raise ConfigurationError if packages are imported in the build (`smoke:`), and this machine cannot run them."""
    document = yaml.safe_load(configuration.read_text(encoding="utf-8"))
    for name, package in document["packages"].items():
        if not package or not package.get("smoke"):
            continue
        target = target_of(
            str(architecture or package.get("architecture", Architecture.ARM64)), runtime or package["runtime"]
        )
        if foreign := target.foreign_machine():
            here = _HERE.get(platform.machine())
            raise ConfigurationError(
                f"the package `{name}` of this example has to be compiled, which this machine cannot do",
                detail=f"observed: {foreign}",
                hint=f"add `--architecture {here}`" if here else "run it on Linux, on arm64 or x86_64",
            )
        if interpreter_of(target) is None:
            version = target.python_version
            raise ConfigurationError(
                f"the package `{name}` of this example has to be compiled with Python {version}",
                detail=f"observed: no `python{version}` on PATH, below pyenv, or known to uv",
                hint=f"install it (`uv python install {version}`), or name a runtime whose Python is here: `--runtime`",
            )
