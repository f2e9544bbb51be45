"""Follows the loop through the eyes of GitLab and CodeBuild, and says what has changed."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, field

from orchestrator.effects.gitlab import GitLabPipelines, JobRecord, PipelineRecord
from orchestrator.errors import MachineryError
from orchestrator.ports import Clock, CodeBuild
from orchestrator.records import BuildRecord

_INTERVAL_SECONDS = 0.25


@dataclass
class Loop:
    """The state of one loop: the push pipeline, its builds, and a pipeline for each of them that came home."""

    commit: str
    pipelines: list[PipelineRecord] = field(default_factory=list)
    jobs: dict[int, list[JobRecord]] = field(default_factory=dict)
    builds: dict[str, BuildRecord] = field(default_factory=dict)

    def job(self, name: str) -> JobRecord | None:
        """Return the newest job of a name."""
        found = [job for jobs in self.jobs.values() for job in jobs if job.name == name]
        return max(found, key=lambda job: job.id) if found else None

    @property
    def homecomings(self) -> list[PipelineRecord]:
        """The pipelines that builds have triggered."""
        return [pipeline for pipeline in self.pipelines if pipeline.source == "trigger"]

    @property
    def ended(self) -> bool:
        """Whether every build has come home, or one of the ways there has broken."""
        if not self.pipelines or not all(pipeline.ended for pipeline in self.pipelines):
            return False
        if any(pipeline.status != "success" for pipeline in self.pipelines):
            return True
        broken = [build for build in self.builds.values() if build.complete and build.status != "SUCCEEDED"]
        return bool(self.builds) and (len(self.homecomings) >= len(self.builds) or bool(broken))


def watch(
    loop: Loop, gitlab: GitLabPipelines, codebuild: CodeBuild, clock: Clock, *, deadline_seconds: float
) -> Generator[list[str], None, None]:
    """Update `loop` until it has ended; yield what changed, a line each, at every look (often nothing)."""
    told: dict[str, str] = {}
    begin = clock.monotonic()
    while not loop.ended:
        if clock.monotonic() - begin > deadline_seconds:
            raise MachineryError(
                f"the loop did not close within {deadline_seconds:.0f} seconds",
                detail="; ".join(f"{name}: {state}" for name, state in told.items()),
                hint="look at the logs in the output folder",
            )
        _look(loop, gitlab, codebuild)
        yield _news(loop, told)
        clock.sleep(_INTERVAL_SECONDS)


def _look(loop: Loop, gitlab: GitLabPipelines, codebuild: CodeBuild) -> None:
    loop.pipelines = [pipeline for pipeline in gitlab.pipelines() if pipeline.sha == loop.commit]
    loop.jobs = {pipeline.id: gitlab.jobs(pipeline.id) for pipeline in loop.pipelines}
    build = loop.job("build")
    if not loop.builds and build is not None and build.status == "success":
        listed = json.loads(gitlab.artifact(build.id, ".orchestrator/builds.json"))
        loop.builds = dict(codebuild.builds([item["build_id"] for item in listed["builds"]]))
    elif loop.builds:
        loop.builds = dict(codebuild.builds(list(loop.builds)))


def _news(loop: Loop, told: dict[str, str]) -> list[str]:
    states: dict[str, str] = {}
    several = len(loop.builds) > 1
    for pipeline in loop.pipelines:
        states[f"pipeline {pipeline.id} ({pipeline.source})"] = pipeline.status
        of = f" of pipeline {pipeline.id}" if several and pipeline.source == "trigger" else ""
        states.update((f"job {job.name}{of}", job.status) for job in loop.jobs[pipeline.id])
    for build in loop.builds.values():
        of = f" of {build.project}" if several else ""
        states.update((f"phase {phase.name}{of}", phase.status or "running") for phase in build.phases)
        states[f"build {build.id}"] = build.status
    news = [f"{name}: {state}" for name, state in states.items() if told.get(name) != state]
    told.update(states)
    return news
