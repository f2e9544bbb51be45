"""Many pushes through a world in which a share of all calls goes wrong, and what became of them.

    python benchmarks/soak.py --pushes 200 --fault-rate 0.05 --seed 1

The stages and the function are the real ones, over boto3, python-gitlab and git, against the emulator over HTTP; its
containers and runners are acted (tests/reliability/stand.py), so that a push takes a second and not a minute. Faults:
throttling, 5xx, pages of HTML with 200, resets, lost requests, lost responses and delays of every call to AWS and
GitLab; events that arrive twice or never. At the end a scheduled pipeline reconciles. Exit 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests" / "reliability"))

from delivery_of import package_of
from stand import Stand, stand
from stand_parts import PACKAGE, variables_of
from storm import script_of

from orchestrator.cli import wire
from orchestrator.cli.project import Project
from orchestrator.config.context import from_environment
from orchestrator.emulator.gitlab.records import Pipeline
from orchestrator.emulator.injection.rules import parse
from orchestrator.errors import MachineryError, OrchestratorError
from orchestrator.handback import aws as function_aws
from orchestrator.handback.handler import handle
from orchestrator.packaging.documents.places import PACKAGE_NAME
from orchestrator.stages.build import Request, StartedBuild
from orchestrator.stages.build import build as start_builds
from orchestrator.stages.postbuild import postbuild
from orchestrator.stages.reconcile import reconcile
from orchestrator.vocabulary import BuildStatus

WORKERS = 8
# GitLab runs a job again twice (`retry: max: 2`), and then somebody does.
MOST_RUNS = 12
LAMBDA_RUNS = 3
HOUR_SECONDS = 3600.0
MOST_ROUNDS = 10
FAILING_SHARE = 0.1


@dataclass
class Context:
    """What Lambda tells the function."""

    aws_request_id: str = "soak"

    def get_remaining_time_in_millis(self) -> int:
        """Return what the function may still use."""
        return 120_000


@dataclass
class Tally:
    """What happened; safe for threads."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str) -> None:
        """Count one more."""
        with self._lock:
            self.counts[name] += 1

    def blame(self, text: str) -> None:
        """Note a promise that was broken."""
        with self._lock:
            self.broken.append(text)


class Soak:
    """Plays GitLab's runners, EventBridge and Lambda around the real code."""

    def __init__(self, made: Stand, folder: Path, seed: int) -> None:
        self.stand, self.folder, self.seed = made, folder, seed
        self.tally = Tally()
        self.project = made.project()
        self.commits: list[str] = []
        self._pushing, self._taken = threading.Lock(), threading.Lock()
        self._seen: set[int] = set()
        made.script.status = self._ending
        # Longer than the job needs to say that it has started one: real builds are no quicker.
        made.script.seconds = lambda commit: 1 + int(commit[:2], 16) / 128
        # So that reconcile, which waits for what has just ended, need not wait here.
        made.script.ago_seconds = HOUR_SECONDS

    def _ending(self, commit: str) -> BuildStatus:
        fails = random.Random(f"{self.seed} {commit}").random() < FAILING_SHARE  # noqa: S311 - a plan, no secret
        return BuildStatus.FAILED if fails else BuildStatus.SUCCEEDED

    def push(self, number: int) -> None:
        """Push once and build; every tenth push is the next commit of one and the same branch."""
        with self._pushing:
            commit = self.stand.push("main" if number % 10 == 0 else f"topic-{number}")
            self.commits.append(commit)
        (pipeline,) = self.stand.pipelines(sha=commit, source="push")
        self._job("build", lambda project, variables: self._build(project, variables, pipeline), pipeline)

    def deliver(self, event: dict[str, Any]) -> None:
        """Be Lambda: run the function for an event, three times at most, and then the pipelines that it has started."""
        for run in range(1, LAMBDA_RUNS + 1):
            try:
                handle(event, Context())
                break
            except OrchestratorError:
                self.tally.add("runs of the function that failed")
                time.sleep(0.5 * run)
        self.bring_home()

    def bring_home(self) -> None:
        """Be the runners: run postbuild in every pipeline that was started and has not been seen."""
        for pipeline in [*self.stand.pipelines(source="trigger"), *self.stand.pipelines(source="pipeline")]:
            with self._taken:
                if pipeline.id in self._seen:
                    continue
                self._seen.add(pipeline.id)
            build_id = next((one.value for one in pipeline.variables if one.key == "ORCHESTRATOR_BUILD_ID"), "")
            output = self.folder / str(pipeline.id)
            code = self._job("postbuild", self._postbuild(pipeline, build_id or self._told(pipeline), output), pipeline)
            if code == 0:
                self.tally.add("results home")
                if (output / PACKAGE_NAME).read_bytes() != package_of(pipeline.sha):
                    self.tally.blame(f"pipeline {pipeline.id} has a package that is not of {pipeline.sha}")
            else:
                self.tally.add(f"postbuild ended {code}")

    def _told(self, pipeline: Pipeline) -> str:
        """Return the build id that came as an input of the pipeline."""
        variables = pipeline.jobs[0].spec.get("variables", {}) if pipeline.jobs else {}
        return str(variables.get("ORCHESTRATOR_BUILD_ID", ""))

    def reconcile(self) -> None:
        """Run the scheduled pipeline until it finds nothing to start."""
        schedule = self.stand.pipelines(source="push")[0]
        for _ in range(MOST_ROUNDS):
            self.stand.let_claims_run_out()
            started: list[str] = []

            def find(project: Project, variables: dict[str, str], found: list[str] = started) -> None:
                world = wire.reconcile_world(project, variables)
                outcomes = [one.outcome for one in reconcile(project.plan, world, hours=48)]
                found += [text for text in outcomes if text.startswith("started")]
                if any(text.startswith("failed") for text in outcomes):
                    raise MachineryError("reconcile", hint="again")

            self._job("reconcile", find, schedule)
            self.tally.counts["reconciled"] += len(started)
            self.bring_home()
            if not started:
                return

    def _job(self, name: str, work: Callable[[Project, dict[str, str]], Any], pipeline: Pipeline) -> int:
        """Run a job until it ends in another way than with 3; return its exit code."""
        variables = self.stand.job(pipeline)
        project = replace(self.project, context=from_environment(variables))
        for _ in range(MOST_RUNS):
            try:
                work(project, variables)
            except OrchestratorError as error:
                if error.exit_code != 3:
                    return error.exit_code
                self.tally.add("jobs run again")
            else:
                return 0
        self.tally.blame(f"{name} of pipeline {pipeline.id} never ended well")
        return 3

    def _build(self, project: Project, variables: dict[str, str], pipeline: Pipeline) -> None:
        begun: list[StartedBuild] = []
        world = replace(
            wire.build_world(project, variables, lambda started: begun.__setitem__(slice(None), started)),
            uninterrupted=nullcontext,  # signals are for the main thread
        )
        request = Request(pipeline.sha, pipeline.ref, str(pipeline.id))
        start_builds(project.plan, project.root.settings_digest, request, world, self.folder / f"work-{pipeline.id}")

    def _postbuild(self, pipeline: Pipeline, build_id: str, output: Path) -> Callable[[Project, dict[str, str]], Any]:
        def run(project: Project, variables: dict[str, str]) -> None:
            world = wire.postbuild_world(project, variables)
            postbuild(project.plan, build_id, pipeline.sha, pipeline.ref, world, output)

        return run

    def check(self) -> None:
        """Compare every commit with what was promised for it."""
        tally = self.tally
        for commit in self.commits:
            builds = self.stand.builds(commit)
            tally.counts["builds"] += len(builds)
            tally.counts["paid twice"] += len(builds) - 1
            if len(builds) != 1:
                tally.blame(f"{commit} has {len(builds)} builds")
            for build in builds:
                self._check_report(commit, build)

    def _check_report(self, commit: str, build: dict[str, Any]) -> None:
        told = [one for one in self.stand.statuses(commit) if one.name == f"codebuild/{PACKAGE}" and not one.retried]
        asked = int(variables_of(build)["ORCHESTRATOR_PIPELINE_ID"])
        self.tally.counts["reports"] += len(told)
        right = {"success"} if build["buildStatus"] == "SUCCEEDED" else {"failed"}
        # The branch may have moved on before anybody came for the package.
        right |= {"canceled"} if variables_of(build)["ORCHESTRATOR_REF"] == "main" else set()
        if len(told) != 1 or told[0].status not in right or told[0].pipeline_id != asked:
            seen = [(one.status, one.pipeline_id) for one in told]
            self.tally.blame(f"{commit} has the reports {seen}, expected one of {sorted(right)} in pipeline {asked}")


def run(pushes: int, rate: float, seed: int, folder: Path) -> tuple[Soak, float]:
    """Push so many times, and return what became of it, and how long it took in seconds."""
    with stand(folder, way="event") as made:
        os.environ.update({**made.environment, "ORCHESTRATOR_HANDBACK": made.handback})
        # boto3 makes clients one at a time only.
        for service in ("codebuild", "s3", "ssm", "sqs"):
            function_aws.client(service, made.running.region)
        soak = Soak(made, folder / "out", seed)
        made.faults.use(parse(script_of(rate, seed), lambda _: None))
        began = time.monotonic()
        with ThreadPoolExecutor(WORKERS) as team, ThreadPoolExecutor(WORKERS) as cloud:
            finished = [team.submit(soak.push, number) for number in range(pushes)]
            while not all(one.done() for one in finished) or made.is_busy():
                while not made.events.empty():
                    finished.append(cloud.submit(soak.deliver, made.events.get()))
                time.sleep(0.02)
        for one in finished:
            one.result()
        while not made.events.empty():
            soak.deliver(made.events.get())
        soak.reconcile()
        seconds = time.monotonic() - began
        told = made.faults.told()
        soak.tally.counts["calls"] = sum(line["calls"] for line in told["rules"])
        soak.tally.counts["faults"] = sum(line["used"] for line in told["rules"])
        made.faults.use(())
        soak.check()
        return soak, seconds


def main() -> int:
    """Soak, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pushes", type=int, default=200)
    parser.add_argument("--fault-rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="where the stages tell what they do")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        chosen.log.open("a") as log,
        redirect_stderr(log),
        redirect_stdout(log),
    ):
        soak, seconds = run(chosen.pushes, chosen.fault_rate, chosen.seed, Path(folder))
    counts = soak.tally.counts
    rows: list[tuple[str, object]] = [
        ("pushes", chosen.pushes),
        ("builds started", counts["builds"]),
        ("paid twice", counts["paid twice"]),
        ("packages home", counts["results home"]),
        ("failures told", counts["postbuild ended 1"]),
        ("pipelines with nothing left to do", counts["postbuild ended 4"]),
        ("reports per commit", f"{counts['reports'] / max(1, len(soak.commits)):.2f}"),
        ("reconciled", counts["reconciled"]),
        ("calls", counts["calls"]),
        ("faults injected", counts["faults"]),
        ("jobs run again", counts["jobs run again"]),
        ("runs of the function that failed", counts["runs of the function that failed"]),
        ("wall time", f"{seconds:.0f} s"),
        ("promises broken", len(soak.tally.broken)),
    ]
    for name, value in rows:
        print(f"{name:<36}{value:>10}")
    for text in soak.tally.broken:
        print(f"broken: {text}")
    return 1 if soak.tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
