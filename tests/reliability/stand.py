"""A stand for crashes and soaks: the emulator in this process, and builds that are acted by a few lines of Python.

Everything that the product talks to is reached over HTTP, as always. Acted are only the containers of CodeBuild (no
bash, no downloads: each build stores a small real package with its documents) and the runners of GitLab (no job is
run by the emulator: whoever uses the stand plays the jobs).
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from unittest import mock

from delivery_of import Acted, files_of
from stand_parts import (
    BUCKET,
    CODEBUILD_PROJECT,
    IDENTITY,
    PACKAGE,
    PARAMETER,
    PROJECT,
    client_of,
    codebuild_project,
    handback_settings,
    project_files,
    variables_of,
)

from orchestrator.cli.project import Project, load_project
from orchestrator.emulator import control
from orchestrator.emulator.aws.codebuild.build import Build
from orchestrator.emulator.aws.container.run import Host
from orchestrator.emulator.aws.events.bus import Bus
from orchestrator.emulator.aws.events.state_change import state_change
from orchestrator.emulator.control import Running
from orchestrator.emulator.gitlab.records import Job, Pipeline
from orchestrator.emulator.server import DEFAULT_REGION, Emulator
from orchestrator.handback.record import record_key
from orchestrator.plan.digest import marker
from orchestrator.vocabulary import BuildStatus


@dataclass
class Script:
    """How the next builds go: `status` of each, after `seconds`; `gate` keeps them from ending until it is set.

    CodeBuild says that they ended `ago_seconds` before they did.
    """

    status: Callable[[str], BuildStatus] = lambda _: BuildStatus.SUCCEEDED
    seconds: Callable[[str], float] = lambda _: 0.0
    gate: threading.Event = field(default_factory=threading.Event)
    ago_seconds: float = 0.0


class Stand:
    """The emulator, a project in its GitLab, its checkout, and its CodeBuild project as prebuild would leave it."""

    def __init__(self, directory: Path, *, way: str, supersede: bool = False) -> None:
        self.script = Script()
        self.script.gate.set()
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._emulator = Emulator(directory / "emulator", region=DEFAULT_REGION)
        self.running = Running(directory=directory / "emulator", **self._emulator.start())
        self.faults = self._emulator._faults
        self.gitlab = self._emulator._gitlab.world.state
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            **control.environment(self.running),
        }
        self.folder = directory / "checkout"
        self.folder.mkdir()
        self._make_gitlab_project(way, supersede)
        self._make_aws()

    def close(self) -> None:
        """End the emulator."""
        self.script.gate.set()
        self._emulator.close()

    def _make_gitlab_project(self, way: str, supersede: bool) -> None:
        import gitlab

        connection = gitlab.Gitlab(self.running.gitlab_url, private_token=self.running.gitlab_token)
        made = connection.projects.create({"name": PROJECT, "path": PROJECT})
        self.api = connection.projects.get(made.id)
        self.token = str(self.api.triggers.create({"description": "stand"}).token)
        self.git("init", "--quiet", "--initial-branch", "main")
        # With the login in it, as GitLab's runner leaves it in the checkout of a job.
        address = self.running.gitlab_url.replace("://", f"://oauth2:{self.running.gitlab_token}@")
        self.git("remote", "add", "origin", f"{address}/{self.api.path_with_namespace}.git")
        files = project_files(made.id, self.running.gitlab_url, way=way, supersede=supersede)
        for name, text in files.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "first")
        self._pushed("HEAD:refs/heads/main")

    def _make_aws(self) -> None:
        self.s3, self.codebuild, self.ssm, self.sqs = (
            client_of(self.running, name) for name in ("s3", "codebuild", "ssm", "sqs")
        )
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": DEFAULT_REGION})
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.ssm.put_parameter(Name=PARAMETER, Value=self.token, Type="SecureString")
        self.queue_url = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.codebuild.create_project(**codebuild_project(self.project().root.settings_digest))
        self.handback = handback_settings(self.running, self.api.id, self.queue_url)

    def project(self, **variables: str) -> Project:
        """Return the project as a command in this checkout loads it."""
        return load_project(self.folder / "orchestrator.yml", {**self.environment, **variables})

    def git(self, *arguments: str) -> str:
        """Run git in the checkout."""
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def push(self, ref: str) -> str:
        """Make a commit that no other ref has, push it as a branch, and return it; a pipeline starts."""
        tree = self.git("rev-parse", "HEAD^{tree}")
        commit = self.git("commit-tree", tree, "-p", "HEAD", "-m", f"{ref} {uuid.uuid4()}")
        self._pushed(f"{commit}:refs/heads/{ref}")
        return commit

    def _pushed(self, *refs: str) -> None:
        self.git("push", "--quiet", "--force", "origin", *refs)

    # What GitLab knows, read from its memory: a request would be one more call in the journal.

    def pipelines(self, *, sha: str = "", source: str = "") -> list[Pipeline]:
        """Return the pipelines, oldest first."""
        with self.gitlab.lock:
            found = sorted(self.gitlab.pipelines.values(), key=lambda one: one.id)
        return [one for one in found if sha in {"", one.sha} and source in {"", one.source}]

    def statuses(self, commit: str) -> list[Job]:
        """Return every commit status of ours that was ever set on a commit, in their order."""
        with self.gitlab.lock:
            jobs = [job for pipeline in self.pipelines(sha=commit) for job in pipeline.jobs if job.external]
        return sorted(jobs, key=lambda job: job.id)

    def builds(self, commit: str = "") -> list[dict[str, Any]]:
        """Return the builds of a commit, or all of them, oldest first."""
        found = [build.snapshot() for build in self._every_build()]
        return [build for build in found if commit in {"", variables_of(build)["ORCHESTRATOR_COMMIT_SHA"]}]

    def start_build(self, ref: str) -> dict[str, Any]:
        """Push a commit and start its build as `orchestrator build` does; return the build when it has ended."""
        commit = self.push(ref)
        (pipeline,) = self.pipelines(sha=commit)
        digest = self.project().root.settings_digest
        variables = {
            "ORCHESTRATOR_COMMIT_SHA": commit,
            "ORCHESTRATOR_REF": ref,
            "ORCHESTRATOR_PIPELINE_ID": str(pipeline.id),
            "ORCHESTRATOR_MARKER": marker(CODEBUILD_PROJECT, commit, digest),
        }
        build: dict[str, Any] = self.codebuild.start_build(
            projectName=CODEBUILD_PROJECT,
            environmentVariablesOverride=[{"name": name, "value": text} for name, text in variables.items()],
        )["build"]
        while self.script.gate.is_set() and not build["buildComplete"]:
            time.sleep(0.01)
            (build,) = self.codebuild.batch_get_builds(ids=[build["id"]])["builds"]
        return build

    def is_busy(self) -> bool:
        """Whether a build still runs."""
        return any(build.running for build in self._every_build())

    def _every_build(self) -> list[Build]:
        regions = self._emulator._aws._regions.values()
        return [build for region in regions for build in list(region.codebuild.builds._builds.values())]

    def forget_builds(self) -> None:
        """Delete the builds that have ended."""
        while ids := self.codebuild.list_builds_for_project(projectName=CODEBUILD_PROJECT)["ids"]:
            self.codebuild.batch_delete_builds(ids=ids)

    def record(self, build_id: str) -> dict[str, Any]:
        """Return what is noted about a build's way home, an empty dictionary for nothing."""
        try:
            stored = self.s3.get_object(Bucket=BUCKET, Key=record_key("", *build_id.split(":")))
        except self.s3.exceptions.NoSuchKey:
            return {}
        noted: dict[str, Any] = json.loads(stored["Body"].read())
        return noted

    def let_claims_run_out(self) -> None:
        """Do what time does to every claim of a way home whose holder is dead."""
        for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix="handback/").get("Contents", []):
            noted = json.loads(self.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read())
            if noted.get("state") == "claimed":  # a note of a verified package has none
                body = json.dumps({**noted, "until": 0})
                self.s3.put_object(Bucket=BUCKET, Key=item["Key"], Body=body)

    def job(self, pipeline: Pipeline) -> dict[str, str]:
        """Begin the one job of a pipeline, as a runner does; return its variables."""
        with self.gitlab.changed:
            job = pipeline.jobs[0]
            job.status, job.token = "running", job.token or f"glcbt-{uuid.uuid4().hex}"
            self.gitlab.save_pipeline(pipeline)
        return {
            **self.environment,
            "ORCHESTRATOR_GITLAB_TOKEN": self.running.gitlab_token,
            "GITLAB_CI": "true",
            "CI_JOB_TOKEN": job.token,
            "CI_JOB_ID": str(job.id),
            "CI_PIPELINE_ID": str(pipeline.id),
            "CI_PIPELINE_SOURCE": pipeline.source,
            "CI_PROJECT_ID": str(self.api.id),
            "CI_COMMIT_REF_NAME": pipeline.ref,
            "CI_COMMIT_SHA": pipeline.sha,
        }

    # The actors.

    def act(self, build: Build, host: Host) -> None:
        """Be the container of a build, from QUEUED to COMPLETED."""
        record = build.snapshot()
        acted = Acted(record["id"], record["arn"], variables_of(record))
        commit = acted.commit
        build.end_phase(BuildStatus.SUCCEEDED)
        build.begin("BUILD")
        status = self.script.status(commit)
        deadline = time.monotonic() + self.script.seconds(commit)
        while not build.stopped.is_set() and (not self.script.gate.is_set() or time.monotonic() < deadline):
            build.stopped.wait(0.01)
        if build.stopped.is_set():
            status = BuildStatus.STOPPED
        if status is BuildStatus.SUCCEEDED:
            digest = self._deliver(acted)
            build.update(exportedEnvironmentVariables=[{"name": "ORCHESTRATOR_MANIFEST_SHA256", "value": digest}])
        build.end_phase(status, "" if status is BuildStatus.SUCCEEDED else "COMMAND_EXECUTION_ERROR", "")
        build.complete(status)
        build.update(endTime=time.time() - self.script.ago_seconds)

    def announce(self, bus: Bus, build: Mapping[str, Any]) -> None:
        """Be EventBridge: the end of each build is told, unless the script of faults loses or doubles it."""
        if not build["buildComplete"]:
            return
        answer = self.faults.take("event", str(build["buildStatus"]))
        kind = answer.kind if answer else ""
        for _ in range({"lost": 0, "duplicate": 2}.get(kind, 1)):
            self.events.put(state_change(build, bus._place))

    def _deliver(self, build: Acted) -> str:
        """Store package, documents and manifest; return the manifest's digest."""
        made = datetime.now(timezone.utc)
        for name, content in files_of(build, project=PROJECT, package=PACKAGE, bucket=BUCKET, made=made).items():
            self.s3.put_object(Bucket=BUCKET, Key=build.key(name), Body=content, IfNoneMatch="*")
        return hashlib.sha256(content).hexdigest()


@contextmanager
def stand(directory: Path, **settings: Any) -> Iterator[Stand]:
    """Set up a stand whose builds and events are acted."""
    made: list[Stand] = []
    with (
        mock.patch("orchestrator.emulator.aws.codebuild.service.run", lambda build, host: made[0].act(build, host)),
        mock.patch.object(Bus, "announce", lambda bus, build: made[0].announce(bus, build)),
    ):
        made.append(Stand(directory, **settings))
        try:
            yield made[0]
        finally:
            made[0].close()
