"""What every part of the emulator works with: the records, the repositories, the addresses, the folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orchestrator.emulator.gitlab.ci.predefined import Server
from orchestrator.emulator.gitlab.git.repository import Repository
from orchestrator.emulator.gitlab.git.transport import Transport
from orchestrator.emulator.gitlab.records import Job, Project
from orchestrator.emulator.gitlab.state import State


@dataclass
class World:
    """One emulator; `self_url` and `job_environment` are asked again each time, they may be known late."""

    directory: Path
    state: State
    transport: Transport
    self_url: Callable[[], str]
    job_environment: Callable[[], Mapping[str, str]]

    @property
    def server(self) -> Server:
        """Return the address of the emulator."""
        return Server(self.self_url().rstrip("/"))

    @property
    def home(self) -> Path:
        """Return the empty HOME of git processes."""
        return self.directory / "home"

    def repository(self, project: Project) -> Repository:
        """Return a project's repository; it is filed by number, so renaming a project moves nothing."""
        return Repository(self.directory / "repositories" / f"{project.id}.git", self.home)

    def project_url(self, project: Project) -> str:
        """Return the address of a project's page."""
        return f"{self.server.url}/{project.full_path}"

    def trace(self, job: Job) -> Path:
        """Return the file of a job's log."""
        return self.directory / "traces" / f"{job.id}.log"

    def artifacts(self, job: Job) -> Path:
        """Return the folder of what a job has uploaded."""
        return self.directory / "artifacts" / str(job.id)

    def workspace(self, job: Job) -> Path:
        """Return the folder in which a job runs, removed when it has ended."""
        return self.directory / "builds" / str(job.id)

    def project_of(self, job: Job) -> Project:
        """Return the project of a job."""
        return self.state.projects[job.project_id]


@lru_cache(maxsize=256)
def _wildcard(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def name_matches(pattern: str, name: str) -> bool:
    """Tell whether a name fits a pattern of protected refs or environment scopes, where `*` is anything."""
    return _wildcard(pattern).fullmatch(name) is not None


def is_protected(project: Project, ref: str, *, tag: bool) -> bool:
    """Tell whether a branch or tag is protected."""
    rules = project.protected_tags if tag else project.protected_branches
    return any(name_matches(rule["name"], ref) for rule in rules)
