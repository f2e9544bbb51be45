"""kill -9 at every step of the commands that start builds and bring them home; then the command is run again.

The steps are no list: each command is run once undisturbed, and whatever it changed at AWS and at GitLab, every file
that got its final name and every program that it ran is a point to die at. A new call is a new crash point by itself.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from crashing import Commands, Point, Ran
from delivery_of import package_of
from stand import Stand, stand
from stand_parts import BUCKET, variables_of

from orchestrator.emulator.gitlab.records import Pipeline
from orchestrator.packaging.documents.places import MANIFEST_NAME, PACKAGE_NAME

pytestmark = pytest.mark.e2e
HOUR_SECONDS = 3600.0
STATUS = "codebuild/parser"


@dataclass
class Crash:
    """The stand, the commands, and what the commands were given and must not tell."""

    stand: Stand
    commands: Commands
    counter: Iterator[int] = field(default_factory=itertools.count)
    secrets: set[str] = field(default_factory=set)

    def ref(self) -> str:
        """Return a branch that nobody else has."""
        return f"point-{next(self.counter)}"

    def job(self, pipeline: Pipeline, **variables: str) -> dict[str, str]:
        """Return the environment of the job of a pipeline, and remember the secrets in it."""
        environment = {**self.stand.job(pipeline), **variables}
        self.secrets |= {environment["CI_JOB_TOKEN"], environment["ORCHESTRATOR_GITLAB_TOKEN"], self.stand.token}
        return environment

    def function(self) -> dict[str, str]:
        """Return the environment of the function."""
        return {**self.stand.environment, "ORCHESTRATOR_HANDBACK": self.stand.handback}

    def told(self, build: dict[str, Any]) -> list[str]:
        """Return an event about a build, as arguments."""
        return ["handback", json.dumps({"source": "aws.codebuild", "detail-type": "CodeBuild Build State Change",
                                        "detail": {"build-id": build["arn"]}})]  # fmt: skip

    def bring_home(self, build: dict[str, Any]) -> Pipeline:
        """Tell the function of a build; return the pipeline that it starts."""
        assert self.commands.run(self.told(build), self.function()).code == 0
        return self.stand.pipelines(sha=commit_of(build), source="trigger")[-1]

    def postbuild(self, build: dict[str, Any], pipeline: Pipeline, output: Path) -> Ran:
        """Run postbuild in a pipeline."""
        environment = self.job(pipeline, ORCHESTRATOR_BUILD_ID=build["id"])
        return self.commands.run(postbuild_of(build, output), environment)

    def everywhere(self, prepare: Callable[[], Any], command: Callable[[Any], tuple[list[str], dict[str, str]]],
                   check: Callable[[Any, Ran], None]) -> int:  # fmt: skip
        """Die at every point of a command, each time on something fresh; run it again and check; count the points."""
        ran, points = self.commands.points(*command(subject := prepare()))
        check(subject, ran)
        failed = []
        for point in points:
            subject = prepare()
            argv, environment = command(subject)
            try:
                assert self.commands.killed(argv, environment, point), "was not reached"
                self.stand.let_claims_run_out()
                check(subject, self.commands.run(argv, environment))
            except AssertionError as error:
                failed.append(f"{point}: {error}")
        assert not failed, "\n\n".join(failed)
        return len(points)


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crash]:
    """Give a stand with `return: event`; at the end, search everything that was written for a secret."""
    directory = tmp_path_factory.mktemp("crash")
    with stand(directory, way="event") as made:
        scratch = directory / "said"
        scratch.mkdir()
        commands = Commands(made, scratch)
        crash = Crash(made, commands)
        yield crash
        commands.close()
        builds = json.dumps(made.codebuild.batch_get_builds(ids=made.codebuild.list_builds()["ids"][:100]), default=str)
        written = [
            commands.said.encode(),
            builds.encode(),
            *contents(made, ""),
            *(path.read_bytes() for path in files(made.folder)),
        ]
        assert len(written) > 5
        for secret in filter(None, crash.secrets):
            assert not [text[:200] for text in written if secret.encode() in text]


def contents(made: Stand, prefix: str) -> Iterator[bytes]:
    """Yield what lies in the bucket below a prefix."""
    for page in made.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        for item in page.get("Contents", []):
            yield made.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()


def files(folder: Path) -> Iterator[Path]:
    """Yield the files that the commands have left in a checkout."""
    yield from (path for name in (".orchestrator", "out") for path in (folder / name).rglob("*") if path.is_file())


def commit_of(build: dict[str, Any]) -> str:
    """Return the commit that a build is of."""
    return variables_of(build)["ORCHESTRATOR_COMMIT_SHA"]


def postbuild_of(build: dict[str, Any], output: Path) -> list[str]:
    """Return the command that brings a build home; the stand's checkout stays at its first commit."""
    return ["orchestrator", "postbuild", "--commit", commit_of(build), "--output", str(output)]


def check_home(crash: Crash, build: dict[str, Any], output: Path) -> None:
    """Assert that the right package is there, and that one report says so, in the pipeline that asked for it."""
    commit = commit_of(build)
    assert (output / PACKAGE_NAME).read_bytes() == package_of(commit)
    assert json.loads((output / MANIFEST_NAME).read_text())["commit"] == commit
    counted = [status for status in crash.stand.statuses(commit) if not status.retried]
    asked = int(variables_of(build)["ORCHESTRATOR_PIPELINE_ID"])
    assert [(status.name, status.status, status.pipeline_id) for status in counted] == [(STATUS, "success", asked)]


def test_build_dies_and_is_run_again(crash: Crash) -> None:
    """Whenever `build` dies, the repeated job pays for no second build, and knows the first one."""
    crash.stand.script.gate.clear()
    prepared: list[str] = []

    def prepare() -> Pipeline:
        prepared.append(crash.stand.push(crash.ref()))
        return crash.stand.pipelines(sha=prepared[-1])[0]

    def check(pipeline: Pipeline, ran: Ran) -> None:
        assert ran.code == 0, ran.said
        (build,) = crash.stand.builds(pipeline.sha)
        told = json.loads((crash.stand.folder / ".orchestrator" / "builds.json").read_text())["builds"]
        assert [(item["build_id"], item["commit"], item["ours"]) for item in told] == [
            (build["id"], pipeline.sha, True)
        ]
        assert [status.status for status in crash.stand.statuses(pipeline.sha)] == ["running"]

    try:
        points = crash.everywhere(prepare, lambda one: (["orchestrator", "build"], crash.job(one)), check)
    finally:
        crash.stand.script.gate.set()
    assert points > 5
    for _ in prepared:
        crash.stand.events.get(timeout=10)
    assert all(len(crash.stand.builds(commit)) == 1 for commit in prepared[-90:])


def test_the_function_dies_and_is_run_again(crash: Crash, tmp_path: Path) -> None:
    """Whenever the function dies, its next run brings the build home, and one pipeline at most has the result."""

    def check(build: dict[str, Any], ran: Ran) -> None:
        assert ran.code == 0, ran.said
        started = crash.stand.pipelines(sha=commit_of(build), source="trigger")
        assert len(started) in {1, 2}
        output = tmp_path / build["id"]
        codes = [crash.postbuild(build, pipeline, output).code for pipeline in started]
        assert codes == [0, 4][: len(codes)]
        check_home(crash, build, output)

    points = crash.everywhere(
        lambda: crash.stand.start_build(crash.ref()), lambda one: (crash.told(one), crash.function()), check
    )
    assert points > 3


def test_postbuild_dies_and_is_run_again(crash: Crash) -> None:
    """Whenever `postbuild` dies, every file that has its name is whole, and the repeated job ends as if nothing was."""
    output = crash.stand.folder / "out"

    delivered: set[bytes] = set()

    def prepare() -> tuple[dict[str, Any], Pipeline]:
        build = crash.stand.start_build(crash.ref())
        delivered.update(contents(crash.stand, f"artifacts/{build['projectName']}/{commit_of(build)}/"))
        return build, crash.bring_home(build)

    def command(subject: tuple[dict[str, Any], Pipeline]) -> tuple[list[str], dict[str, str]]:
        build, pipeline = subject
        return postbuild_of(build, output), crash.job(pipeline, ORCHESTRATOR_BUILD_ID=build["id"])

    def check(subject: tuple[dict[str, Any], Pipeline], ran: Ran) -> None:
        assert ran.code == 0, ran.said
        check_home(crash, subject[0], output)

    whole = crash.commands.killed

    def killed(argv: list[str], environment: dict[str, str], point: Point) -> bool:
        """Die, and look at what was left under final names: the files of this build or of the one before it."""
        reached = whole(argv, environment, point)
        assert {path.read_bytes() for path in output.iterdir() if path.is_file()} <= delivered, "a file is not whole"
        if (output / MANIFEST_NAME).exists():
            told = json.loads((output / MANIFEST_NAME).read_bytes())
            assert hashlib.sha256((output / PACKAGE_NAME).read_bytes()).hexdigest() == told["sha256"]
        return reached

    crash.commands.killed = killed  # type: ignore[method-assign, assignment]
    try:
        points = crash.everywhere(prepare, command, check)
    finally:
        del crash.commands.killed
    assert points > 7


def test_stop_dies_and_is_run_again(crash: Crash) -> None:
    """Whenever `stop` dies, the repeated command leaves no build running."""
    crash.stand.script.gate.clear()

    def prepare() -> dict[str, Any]:
        return crash.stand.start_build(crash.ref())

    def check(build: dict[str, Any], ran: Ran) -> None:
        assert ran.code == 0, ran.said
        assert [one["buildStatus"] for one in crash.stand.builds(commit_of(build))] == ["STOPPED"]

    try:
        points = crash.everywhere(
            prepare, lambda one: (["orchestrator", "stop", one["id"]], crash.stand.environment), check
        )
    finally:
        crash.stand.script.gate.set()
    assert points > 1


def test_reconcile_dies_and_is_run_again(crash: Crash, tmp_path: Path) -> None:
    """Whenever `reconcile` dies, its next run starts what is missing, and one pipeline at most has the result."""
    schedule = crash.stand.pipelines(source="push")[0]
    crash.stand.script.ago_seconds = HOUR_SECONDS

    def prepare() -> dict[str, Any]:
        # Of what the other tests have left there would be a call each, and so a crash point each.
        crash.stand.forget_builds()
        return crash.stand.start_build(crash.ref())

    def check(build: dict[str, Any], ran: Ran) -> None:
        assert ran.code == 0, ran.said
        started = crash.stand.pipelines(sha=commit_of(build), source="pipeline")
        assert len(started) in {1, 2}
        output = tmp_path / build["id"]
        codes = [crash.postbuild(build, pipeline, output).code for pipeline in started]
        assert codes == [0, 4][: len(codes)]
        check_home(crash, build, output)

    try:
        points = crash.everywhere(
            prepare,
            lambda _: (["orchestrator", "reconcile", "--hours", "2"], crash.job(schedule)),
            check,
        )
    finally:
        crash.stand.script.ago_seconds = 0.0
    assert points > 3
