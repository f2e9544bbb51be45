"""What the emulator remembers, in memory under one lock and on disk as JSON files written atomically."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.emulator.gitlab.records import (
    AccessToken,
    Group,
    Job,
    Json,
    Pipeline,
    Project,
    User,
    as_json,
    now,
)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part; mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.draft")
    draft.touch(mode=0o600)
    draft.write_bytes(data)
    draft.replace(path)


def _write_json(path: Path, data: Any) -> None:
    write_atomically(path, json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass"))


def _read_json(path: Path) -> Json:
    data: Json = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
    return data


class State:
    """All records of one emulator below `directory`.

    `lock` guards every record; `changed` (a condition on it) is notified by every save, so that the
    scheduler and those who wait for a job need not poll.
    """

    def __init__(self, directory: Path, root_token: str) -> None:
        self.directory = directory
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.users: dict[int, User] = {}
        self.tokens: dict[int, AccessToken] = {}
        self.groups: dict[int, Group] = {}
        self.projects: dict[int, Project] = {}
        self.pipelines: dict[int, Pipeline] = {}
        self.jobs: dict[int, Job] = {}
        self._counters: dict[str, int] = {}
        self._load()
        if not self.users:
            identity = self.next_id("user")
            self.users[identity] = User(identity, "root", "Administrator", "admin@example.com", admin=True)
        self.root_token = root_token
        self.save_server()

    def _load(self) -> None:
        server = self.directory / "server.json"
        if server.is_file():
            data = _read_json(server)
            self._counters = data["counters"]
            self.users = {item["id"]: User(**item) for item in data["users"]}
            self.tokens = {item["id"]: AccessToken(**item) for item in data["tokens"]}
            self.groups = {item["id"]: Group(**item) for item in data["groups"]}
        for path in self.directory.glob("projects/*.json"):
            project = Project.load(_read_json(path))
            self.projects[project.id] = project
        for path in sorted(self.directory.glob("pipelines/*.json"), key=lambda path: int(path.stem)):
            pipeline = Pipeline.load(_read_json(path))
            self.pipelines[pipeline.id] = pipeline
            self.jobs.update({job.id: job for job in pipeline.jobs})

    def next_id(self, kind: str) -> int:
        """Return the next unused number of a kind; numbers start at 1 and never come back."""
        with self.lock:
            self._counters[kind] = self._counters.get(kind, 0) + 1
            return self._counters[kind]

    def save_server(self) -> None:
        """Write users, tokens, groups and the counters."""
        with self.lock:
            data = {
                "counters": self._counters,
                "users": [as_json(user) for user in self.users.values()],
                "tokens": [as_json(token) for token in self.tokens.values()],
                "groups": [as_json(group) for group in self.groups.values()],
            }
            _write_json(self.directory / "server.json", data)

    def save_project(self, project: Project) -> None:
        """Write one project, and the counters its parts may have used."""
        with self.lock:
            project.last_activity_at = now()
            self.projects[project.id] = project
            _write_json(self.directory / "projects" / f"{project.id}.json", as_json(project))
            self.save_server()

    def save_pipeline(self, pipeline: Pipeline) -> None:
        """Write one pipeline with its jobs and wake everybody who waits for a change."""
        with self.changed:
            pipeline.updated_at = now()
            fresh = pipeline.id not in self.pipelines or any(job.id not in self.jobs for job in pipeline.jobs)
            self.pipelines[pipeline.id] = pipeline
            self.jobs.update({job.id: job for job in pipeline.jobs})
            if fresh:
                self.save_server()
            _write_json(self.directory / "pipelines" / f"{pipeline.id}.json", as_json(pipeline))
            self.changed.notify_all()

    def remove_project(self, project: Project) -> None:
        """Forget a project with its pipelines."""
        with self.changed:
            for pipeline in list(self.pipelines_of(project)):
                self.remove_pipeline(pipeline)
            del self.projects[project.id]
            (self.directory / "projects" / f"{project.id}.json").unlink(missing_ok=True)
            self.changed.notify_all()

    def remove_pipeline(self, pipeline: Pipeline) -> None:
        """Forget a pipeline with its jobs."""
        with self.changed:
            for job in pipeline.jobs:
                self.jobs.pop(job.id, None)
            self.pipelines.pop(pipeline.id, None)
            (self.directory / "pipelines" / f"{pipeline.id}.json").unlink(missing_ok=True)
            self.changed.notify_all()

    def pipelines_of(self, project: Project) -> Iterator[Pipeline]:
        """Yield the pipelines of a project, newest first."""
        mine = [pipeline for pipeline in self.pipelines.values() if pipeline.project_id == project.id]
        return iter(sorted(mine, key=lambda pipeline: -pipeline.id))

    def project_at(self, path: str) -> Project | None:
        """Return the project with this full path; GitLab compares without case."""
        wanted = path.strip("/").lower()
        with self.lock:
            return next((item for item in self.projects.values() if item.full_path.lower() == wanted), None)

    def group_at(self, path: str) -> Group | None:
        """Return the group with this full path."""
        wanted = path.strip("/").lower()
        with self.lock:
            return next((item for item in self.groups.values() if item.full_path.lower() == wanted), None)
