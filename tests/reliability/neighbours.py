"""CodeBuild, S3, GitLab and its commit statuses in memory, exact in what the way home of a build depends on."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from fibers import meet
from world import ACCOUNT, FakeStore, project

from orchestrator.errors import AskedDifferently, Superseded
from orchestrator.handback.event import BuildId
from orchestrator.handback.marker import Marker, Markers
from orchestrator.handback.record import parse_record, record_bytes, record_key
from orchestrator.records import BuildRecord, PhaseRecord, ProjectRecord, Reach

CODEBUILD_PROJECT = "demo-parser"
TOKEN_SECONDS = 300.0
_BEGIN = 1_800_000_000.0


@dataclass
class Clock:
    """Time that passes when a program sleeps, or when the test says so."""

    seconds: float = _BEGIN

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, timezone.utc)


class CodeBuild:
    """Projects, builds, and the idempotency tokens of StartBuild with their five minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[float, dict[str, str], str]] = {}
        self.records: dict[str, BuildRecord] = {}

    def projects(self, names: Sequence[str]) -> Mapping[str, ProjectRecord]:
        return {name: project(name) for name in names if name == CODEBUILD_PROJECT}

    def start(self, name: str, variables: Mapping[str, str], idempotency_token: str) -> BuildRecord:
        now = self._clock.seconds
        begun, asked, known = self._tokens.get(idempotency_token, (0.0, {}, ""))
        if known and now - begun < TOKEN_SECONDS:
            if asked != dict(variables):
                raise AskedDifferently("the token was used with other parameters", hint="again")
            return self.records[known]
        uuid = f"00000000-0000-4000-8000-{len(self.records) + 1:012d}"
        made = BuildRecord(
            id=f"{name}:{uuid}",
            arn=f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:build/{name}:{uuid}",
            project=name,
            status="IN_PROGRESS",
            complete=False,
            phases=(PhaseRecord("BUILD", "", None),),
            variables=dict(variables),
            exported={},
            started=self._clock.now(),
        )
        self.records[made.id] = made
        self._tokens[idempotency_token] = (now, dict(variables), made.id)
        return made

    def builds(self, build_ids: Sequence[str]) -> Mapping[str, BuildRecord]:
        return {name: self.records[name] for name in build_ids if name in self.records}

    def newest(self, project: str, *, limit: int) -> Sequence[BuildRecord]:
        return list(reversed(self.records.values()))[:limit]

    def stop(self, build_id: str) -> BuildRecord:
        if not self.records[build_id].complete:
            self.end(build_id, "STOPPED")
        return self.records[build_id]

    def end(self, build_id: str, status: str) -> BuildRecord:
        """Let a build come to its end."""
        phases = (PhaseRecord("BUILD", status, 3, "why"), PhaseRecord("COMPLETED", "", None))
        ended = replace(self.records[build_id], status=status, complete=True, phases=phases, ended=self._clock.now())
        self.records[build_id] = ended
        return ended


@dataclass(frozen=True)
class Report:
    """One commit status that was set: by whom (`build`, `stop`, or the number of a pipeline), about which build."""

    by: str
    commit: str
    pipeline_id: str
    state: str
    build_id: str


class Status:
    """The commit statuses, in the words of one reporter."""

    def __init__(self, reports: list[Report], by: str) -> None:
        self._reports, self._by = reports, by

    def report(
        self, sha: str, *, state: str, name: str, ref: str, pipeline_id: str, description: str, url: str
    ) -> None:
        self._reports.append(Report(self._by, sha, pipeline_id, state, url.rstrip("/").rpartition("/")[2]))


@dataclass
class Pipeline:
    """A pipeline of GitLab; `build_id` is what a triggered one was told."""

    id: str
    ref: str
    sha: str
    build_id: str = ""


class GitLab:
    """Branches, with all commits that each has had in its history, and pipelines."""

    def __init__(self) -> None:
        self.branches: dict[str, list[str]] = {}
        self.pipelines: list[Pipeline] = []
        self._commits = itertools.count()

    def push(self, ref: str, *, force: bool = False) -> Pipeline:
        """Put a new commit on a branch, upon its history or, with `force`, in place of it."""
        commit = hashlib.sha1(f"{ref} {next(self._commits)}".encode(), usedforsecurity=False).hexdigest()
        self.branches[ref] = [*([] if force else self.branches.get(ref, [])), commit]
        return self.run(ref)

    def name(self, ref: str, existing: str) -> Pipeline:
        """Let a ref point to the commit of another one, as a release does."""
        self.branches[ref] = list(self.branches[existing])
        return self.run(ref)

    def run(self, ref: str, build_id: str = "") -> Pipeline:
        """Start a pipeline on the head of a branch."""
        if ref not in self.branches:
            raise Superseded("Reference not found")
        made = Pipeline(str(len(self.pipelines) + 1), ref, self.branches[ref][-1], build_id)
        self.pipelines.append(made)
        return made

    def start(self, ref: str, build_id: str) -> str:
        return f"https://gitlab.example.com/demo/-/pipelines/{self.run(ref, build_id).id}"

    def reach(self, ref: str, sha: str) -> Reach:
        commits = self.branches.get(ref, [])
        return Reach(commits[-1] if commits else "", sha in commits)


class Objects(FakeStore):
    """S3."""


class TownMarkers(Markers):
    """The real markers, over the same bucket as everything else."""

    def __init__(self, store: Objects, clock: Clock) -> None:
        super().__init__(None, sleep=clock.sleep, now=clock.monotonic)  # type: ignore[arg-type]
        self._store = store

    def _put(self, build: BuildId, fields: Mapping[str, object], condition: Mapping[str, str]) -> str | None:
        body = record_bytes(str(build), **fields)

        def put() -> str | None:
            key = record_key("", build.project, build.uuid)
            return (
                hashlib.sha256(body).hexdigest()
                if self._store.replace(key, body, tag=condition.get("IfMatch"))
                else None
            )

        found: str | None = meet("Markers.put", put)
        return found

    def _get(self, build: BuildId) -> Marker | None:
        key = record_key("", build.project, build.uuid)
        stored = meet("Markers.get", lambda: self._store.read_tagged(key, limit_bytes=1 << 20))
        if stored is None:
            return None
        record = parse_record(stored.content, str(build))
        return Marker(record.state, record.until, record.pipeline_id, stored.tag)
