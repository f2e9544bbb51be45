"""Bringing the packages of a loop that has closed to the output folder."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from orchestrator.demo.watch import Loop
from orchestrator.effects.gitlab import GitLabPipelines, JobRecord
from orchestrator.errors import MachineryError


@dataclass(frozen=True)
class Delivered:
    """One package that came home: its zip in the output folder, its manifest, and how long that took."""

    path: Path
    manifest: dict[str, Any]
    seconds: float | None

    @property
    def name(self) -> str:
        """The package's name in orchestrator.yml."""
        return str(self.manifest["package"])


def collect(loop: Loop, gitlab: GitLabPipelines, output: Path) -> tuple[Delivered, ...]:
    """Write the artifacts of postbuild as GitLab keeps them, sorted by package.

    A single package becomes `package.zip` and `manifest.json`; of several, each gets a folder of its name. Raises
    MachineryError if nothing came home, or something that is no zip.
    """
    prebuild = loop.job("prebuild")
    home = [job for pipeline in loop.homecomings for job in loop.jobs[pipeline.id] if job.name == "postbuild"]
    if prebuild is None or not home:
        raise MachineryError("no result came home", detail="observed: no job `postbuild`", hint="read the job logs")
    (output / "plan.json").write_bytes(gitlab.artifact(prebuild.id, ".orchestrator/plan.json"))
    found = [_bring(job, gitlab, output, alone=len(home) == 1) for job in home]
    return tuple(sorted(found, key=lambda package: package.name))


def _bring(job: JobRecord, gitlab: GitLabPipelines, output: Path, *, alone: bool) -> Delivered:
    content, described = gitlab.artifact(job.id, "package.zip"), gitlab.artifact(job.id, "manifest.json")
    manifest: dict[str, Any] = json.loads(described)
    name = str(manifest["package"])
    with zipfile.ZipFile(BytesIO(content)) as archive:
        broken = archive.testzip()
    if broken:
        raise MachineryError(f"the package `{name}` is broken", detail=f"file `{broken}`", hint="run the demo again")
    folder = output if alone else output / name
    folder.mkdir(exist_ok=True)
    (folder / "package.zip").write_bytes(content)
    (folder / "manifest.json").write_bytes(described)
    return Delivered(folder / "package.zip", manifest, job.seconds)
