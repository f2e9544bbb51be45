"""The demo: start the stand-ins, push an example, watch the loop close, keep the evidence."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping, MutableMapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator import resources
from orchestrator.demo.collect import collect
from orchestrator.demo.machine import check_python
from orchestrator.demo.report import Outcome, rows_of, write_outcome
from orchestrator.demo.view import View
from orchestrator.demo.watch import Loop, watch
from orchestrator.effects.clock import SystemClock
from orchestrator.effects.codebuild import CloudWatchLogs, CodeBuildService
from orchestrator.effects.files import unwritable, write_text
from orchestrator.effects.gitlab import GitLabPipelines, JobRecord
from orchestrator.effects.terraform import find_terraform, provider_environment
from orchestrator.emulator import control
from orchestrator.emulator.seed import Seeded, seed
from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError
from orchestrator.vocabulary import Architecture

_MARK = ".orchestrator-demo"
_DEADLINE_SECONDS = 900.0
_WHOLE_LOG = 10_000


@dataclass(frozen=True)
class Request:
    """What to demonstrate, and where its evidence goes."""

    example: str
    architecture: Architecture | None
    runtime: str | None
    output: Path


def run(request: Request, environment: MutableMapping[str, str], view: View) -> Outcome:
    """Run the loop once. Everything that it starts has ended when it returns or raises."""
    begin = time.monotonic()
    example = _example(request.example)
    check_python(example / "orchestrator.yml", request.architecture, request.runtime)
    _check_git(environment)
    _check_terraform(environment, view)
    output = _prepare(request.output)
    running = control.up(output / "emulator", detach=False)
    try:
        _point_to(environment, control.environment(running))
        started = time.monotonic() - begin
        view.say(f"AWS on {running.aws_url}, GitLab on {running.gitlab_url}")
        seeded = seed(
            running,
            example,
            resources.folder("templates"),
            architecture=str(request.architecture) if request.architecture else None,
            runtime=request.runtime,
            workspace=output / "repositories",
        )
        pushed = time.monotonic() - begin - started
        view.say(f"pushed {seeded.commit[:12]} to {seeded.web_url}")
        loop = _follow(seeded, running, view, output)
        packages = collect(
            loop, GitLabPipelines(running.gitlab_url, str(seeded.project_id), running.gitlab_token), output
        )
        outcome = Outcome(
            project=seeded.path,
            commit=seeded.commit,
            build_ids=tuple(loop.builds),
            rows=rows_of(loop, packages, started_seconds=started, pushed_seconds=pushed),
            seconds=time.monotonic() - begin,
            packages=tuple(package.path for package in packages),
            evidence=output,
        )
        write_outcome(outcome)
        return outcome
    finally:
        control.down(output / "emulator")


def examples() -> list[str]:
    """Return the names of the examples that the demo can run."""
    return sorted(path.parent.name for path in resources.folder("examples").glob("*/orchestrator.yml"))


def _example(name: str) -> Path:
    if name not in examples():
        raise ConfigurationError(
            f"there is no example `{name}`",
            detail=f"expected one of: {', '.join(examples())}",
            hint="choose one of them",
        )
    return resources.folder("examples") / name


def _check_git(environment: Mapping[str, str]) -> None:
    if shutil.which("git", path=environment.get("PATH", os.defpath)) is None:
        raise ConfigurationError("`git` was not found", detail="expected: git on PATH", hint="install git")


def _point_to(environment: MutableMapping[str, str], settings: Mapping[str, str]) -> None:
    """Send the clients of this process to the stand-ins, and nowhere else: a profile of the user's would win."""
    for name in [name for name in environment if name.startswith("AWS_") and name not in settings]:
        del environment[name]
    environment.update(settings)


def _check_terraform(environment: Mapping[str, str], view: View) -> None:
    """Fail before anything is started when this machine has no Terraform."""
    executable = find_terraform(environment)
    with tempfile.TemporaryDirectory() as folder:
        provider_environment(environment, Path(folder))
    view.say(f"using {executable.describe()}")


def _prepare(output: Path) -> Path:
    """Return an empty output folder; only what an earlier demo left is removed."""
    output = output.resolve()
    try:
        if output.exists() and any(output.iterdir()):
            if not (output / _MARK).is_file():
                raise ConfigurationError(
                    f"`{output}` is not empty",
                    detail="expected: a new or empty folder, or that of an earlier demo",
                    hint="name another one with `--output`",
                )
            control.down(output / "emulator")
            shutil.rmtree(output)
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(output, error) from error
    write_text(output / _MARK, "made by `orchestrator demo`; may be deleted\n")
    return output


def _follow(seeded: Seeded, running: control.Running, view: View, output: Path) -> Loop:
    gitlab = GitLabPipelines(running.gitlab_url, str(seeded.project_id), running.gitlab_token)
    loop = Loop(commit=seeded.commit)
    try:
        looks = watch(loop, gitlab, CodeBuildService(running.region), SystemClock(), deadline_seconds=_DEADLINE_SECONDS)
        with closing(looks):
            for news in looks:
                for line in news:
                    view.say(line)
                view.show(loop)
    except BaseException:
        # What went wrong is the news, not that its logs cannot be kept.
        with suppress(OrchestratorError, OSError):
            _keep_logs(loop, gitlab, running.region, output)
        raise
    _keep_logs(loop, gitlab, running.region, output)
    _check(loop, gitlab)
    return loop


def _check(loop: Loop, gitlab: GitLabPipelines) -> None:
    for build in loop.builds.values():
        if build.status != "SUCCEEDED":
            raise BuildFailed(
                f"the build `{build.id}` ended {build.status}",
                detail=build.failed_phase.message if build.failed_phase else "",
                hint="read build.log in the output folder",
            )
    # A job may fail in a pipeline that is right: of several packages, all but the last wait with their deployment.
    for pipeline in [pipeline for pipeline in loop.pipelines if pipeline.status != "success"]:
        for job in loop.jobs[pipeline.id]:
            if job.status == "failed":
                raise _failed(job, gitlab)
        raise MachineryError(
            f"the {pipeline.source} pipeline ended {pipeline.status}",
            detail="expected: success",
            hint="read the job logs in the output folder",
        )


def _failed(job: JobRecord, gitlab: GitLabPipelines) -> OrchestratorError:
    last = gitlab.trace(job.id).splitlines()[-15:]
    return MachineryError(
        f"the job `{job.name}` failed", detail="\n".join(last), hint=f"read {job.name}.log in the output folder"
    )


def _keep_logs(loop: Loop, gitlab: GitLabPipelines, region: str, output: Path) -> None:
    logs = output / "logs"
    logs.mkdir(exist_ok=True)
    several = len(loop.homecomings) > 1
    for pipeline in loop.pipelines:
        of = f"-{pipeline.id}" if several and pipeline in loop.homecomings else ""
        for job in loop.jobs[pipeline.id]:
            # The name of a matrix job may hold a slash.
            (logs / f"{job.name.replace('/', '_')}{of}.log").write_text(gitlab.trace(job.id), encoding="utf-8")
    for build in loop.builds.values():
        lines = CloudWatchLogs(region).last_lines(build, _WHOLE_LOG)
        (logs / f"build-{build.uuid}.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
