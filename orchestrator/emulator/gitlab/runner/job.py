"""Running one job from its checkout to its artifacts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.emulator.belongings import Belongings
from orchestrator.emulator.gitlab.pipelines import variables as job_variables
from orchestrator.emulator.gitlab.records import Job, Pipeline
from orchestrator.emulator.gitlab.runner import checkout, processes, script
from orchestrator.emulator.gitlab.runner.environment import of_shell, resolve
from orchestrator.emulator.gitlab.runner.identity import tokens
from orchestrator.emulator.gitlab.runner.trace import Trace
from orchestrator.emulator.gitlab.runner.transfer import UploadError, download, inherited, upload
from orchestrator.emulator.gitlab.world import World

_AFTER_SCRIPT_SECONDS = 300.0
_CHUNK_BYTES = 1 << 16
_MARKER = "GITLAB_EMULATOR_JOB"


@dataclass(frozen=True)
class Outcome:
    """How a job ended; `facts` are the fields of its record to set."""

    status: str
    facts: dict[str, Any]


class JobRun:
    """One execution of a job; `stop` may be called from another thread at any time."""

    def __init__(self, world: World, pipeline: Pipeline, job: Job, *, grace_seconds: float) -> None:
        self._world, self._pipeline, self._job = world, pipeline, job
        self._grace_seconds = grace_seconds
        self._stopped = threading.Event()
        self._reason = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._belongings: Belongings | None = None
        self._lock = threading.Lock()

    @property
    def stopping(self) -> bool:
        """Tell whether the job has been told to stop."""
        return self._stopped.is_set()

    def stop(self, reason: str) -> None:
        """End the script: `canceled`, `job_execution_timeout`, or `runner_system_failure` on shutdown."""
        with self._lock:
            if self._stopped.is_set():
                return
            self._reason = reason
            self._stopped.set()
            process = self._process
        if process is not None:
            processes.end_group(process, grace_seconds=self._grace_seconds)

    def run(self) -> Outcome:
        """Run the job; every failure, also of the runner itself, ends in an outcome."""
        world, job = self._world, self._job
        values = job_variables.of_job(world, self._pipeline, job, inherited(world, self._pipeline, job))
        trace = Trace(world.trace(job), values.masked)
        try:
            trace.line("Running with gitlab-runner 18.4.0 (emulator)")
            return self._run(values, trace)
        except (OSError, ValueError, RuntimeError, subprocess.SubprocessError) as problem:
            trace.bad(f"Job failed (system failure): {problem}")
            return Outcome("failed", {"failure_reason": "runner_system_failure"})
        finally:
            if self._belongings is not None:
                self._belongings.end()
            trace.close()
            shutil.rmtree(world.workspace(job), ignore_errors=True)

    def _run(self, values: job_variables.JobVariables, trace: Trace) -> Outcome:
        if self._job.spec.get("trigger"):
            trace.bad("Job failed: the emulator does not start downstream pipelines (`trigger:`)")
            return Outcome("failed", {"failure_reason": "downstream_pipeline_creation_failed"})
        folder = self._world.workspace(self._job)
        project = self._world.project_of(self._job)
        directory = folder / project.full_path
        home = folder / "home"
        for path in (directory, home):
            path.mkdir(parents=True, exist_ok=True)
        belongings = self._belongings = Belongings(f"{_MARKER}={uuid.uuid4().hex}")
        known = {
            "CI_BUILDS_DIR": str(folder),
            "CI_CONCURRENT_ID": "0",
            "CI_CONCURRENT_PROJECT_ID": "0",
            "CI_DISPOSABLE_ENVIRONMENT": "false",
            "CI_PROJECT_DIR": str(directory),
            "CI_RUNNER_DESCRIPTION": "emulator",
            "CI_RUNNER_EXECUTABLE_ARCH": "linux/amd64",
            "CI_RUNNER_ID": "1",
            "CI_RUNNER_REVISION": "emulator",
            "CI_RUNNER_SHORT_TOKEN": "emulator",
            "CI_RUNNER_TAGS": "[]",
            "CI_RUNNER_VERSION": "18.4.0",
            "CI_SHARED_ENVIRONMENT": "true",
            "GIT_DEPTH": str(project.setting("ci_default_git_depth") or 0),
            "GIT_STRATEGY": str(project.setting("build_git_strategy")),
            **tokens(self._world, self._pipeline, self._job),
        }
        resolved = resolve(values, known, directory.with_name(f"{directory.name}.tmp"))
        shell = of_shell(resolved, self._world.job_environment(), os.environ, home, belongings.folder)
        shell[_MARKER] = belongings.marker.partition("=")[2]
        return self._steps(directory, resolved, shell, trace)

    def _steps(self, directory: Path, resolved: dict[str, str], shell: dict[str, str], trace: Trace) -> Outcome:
        job = self._job
        trace.step("Getting source from Git repository")
        failed = self._checkout(directory, resolved, shell, trace)
        if failed:
            return failed
        download(self._world, self._pipeline, job, directory, trace)
        trace.step('Executing "step_script" stage of the job script')
        lines = [*job.spec.get("before_script", []), *job.spec.get("script", [])]
        tracing = resolved.get("CI_DEBUG_TRACE", "").lower() == "true"
        text = script.compose(str(directory), lines, tracing=tracing)
        code = self._shell(text, directory, {**shell, "CI_JOB_STATUS": "running"}, trace)
        outcome = self._outcome(code)
        self._after(directory, {**shell, "CI_JOB_STATUS": _word(outcome)}, trace)
        if self._reason == "runner_system_failure":
            return outcome
        if outcome.status != "canceled":
            outcome = self._upload(directory, resolved, outcome, trace)
        _close(trace, outcome, code)
        return outcome

    def _checkout(
        self, directory: Path, resolved: dict[str, str], shell: dict[str, str], trace: Trace
    ) -> Outcome | None:
        strategy = resolved.get("GIT_STRATEGY", "fetch")
        if strategy not in checkout.STRATEGIES:
            trace.bad(f"Job failed (system failure): unknown GIT_STRATEGY `{strategy}`")
            return Outcome("failed", {"failure_reason": "runner_system_failure"})
        steps = checkout.commands(self._job, resolved, directory)
        if not steps:
            trace.line("Skipping Git repository setup")
            return self._outcome(None) if self._stopped.is_set() else None
        trace.line(f"Fetching changes with git depth set to {resolved.get('GIT_DEPTH', '')}...")
        plain = {name: shell[name] for name in shell if not name.startswith(("GIT_CONFIG_", "GIT_DIR", "GIT_WORK"))}
        plain["PATH"] = os.environ.get("PATH", os.defpath)
        environment = {**plain, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_LFS_SKIP_SMUDGE": "1"}
        text = "\n".join(script.quoted(step) for step in steps)
        code = self._shell(f"set -e\n{text}\n", directory, environment, trace)
        if self._stopped.is_set():
            return self._outcome(code)
        if code != 0:
            trace.bad(f"Job failed (system failure): git ended with exit code {code}")
            return Outcome("failed", {"failure_reason": "runner_system_failure"})
        trace.line(f"Checking out {self._job.sha[:8]} as detached HEAD (ref is {self._job.ref})...")
        return None

    def _shell(self, text: str, directory: Path, environment: dict[str, str], trace: Trace) -> int:
        path = self._world.workspace(self._job) / "script.sh"
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        with self._lock:
            if self._stopped.is_set():
                return 1
            process = self._start(path, directory, environment)
            self._process = process
        self._remember(process.pid)
        reader = _follow(process, trace)
        code = process.wait()
        processes.end_group(process, grace_seconds=0.2)
        reader.join(timeout=2)
        with self._lock:
            self._process = None
        return code if code >= 0 else 128 - code

    def _start(self, path: Path, directory: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        process = processes.start(path, directory=directory, environment=environment)
        if self._belongings is not None:
            self._belongings.add_session(process.pid)
        return process

    def _remember(self, leader: int) -> None:
        with self._world.state.lock:
            self._job.process = leader
            self._world.state.save_pipeline(self._pipeline)

    def _outcome(self, code: int | None) -> Outcome:
        if self._reason == "canceled":
            return Outcome("canceled", {"exit_code": code})
        if self._reason:
            return Outcome("failed", {"failure_reason": self._reason, "exit_code": code})
        if code:
            return Outcome("failed", {"failure_reason": "script_failure", "exit_code": code})
        return Outcome("success", {"exit_code": 0})

    def _after(self, directory: Path, environment: dict[str, str], trace: Trace) -> None:
        lines = self._job.spec.get("after_script", [])
        if not lines or self._reason == "runner_system_failure":
            return
        trace.step("Running after_script")
        path = self._world.workspace(self._job) / "after.sh"
        path.write_text(script.compose(str(directory), lines), encoding="utf-8", errors="surrogateescape")
        process = self._start(path, directory, environment)
        reader = _follow(process, trace)
        try:
            code = process.wait(timeout=_AFTER_SCRIPT_SECONDS)
        except subprocess.TimeoutExpired:
            code = 1
        processes.end_group(process, grace_seconds=self._grace_seconds if code else 0.2)
        reader.join(timeout=2)
        if code:
            trace.warn(f"after_script failed, but job will continue unaffected: exit code {code}")

    def _upload(self, directory: Path, resolved: dict[str, str], outcome: Outcome, trace: Trace) -> Outcome:
        try:
            facts = upload(self._world, self._job, directory, resolved, trace, succeeded=outcome.status == "success")
        except UploadError as problem:
            trace.bad(f"Uploading artifacts failed: {problem}")
            if outcome.status == "success":
                return Outcome("failed", {"failure_reason": "script_failure", "exit_code": 1})
            return outcome
        return Outcome(outcome.status, {**outcome.facts, **facts})


def _word(outcome: Outcome) -> str:
    timed_out = outcome.facts.get("failure_reason") == "job_execution_timeout"
    return "timedout" if timed_out else outcome.status


def _close(trace: Trace, outcome: Outcome, code: int) -> None:
    if outcome.status == "success":
        trace.good("Job succeeded")
    elif outcome.status == "canceled":
        trace.bad("Job failed: canceled")
    elif outcome.facts.get("failure_reason") == "job_execution_timeout":
        trace.bad("Job failed: execution took longer than the job's timeout")
    else:
        trace.bad(f"Job failed: exit code {outcome.facts.get('exit_code', code)}")


def _follow(process: subprocess.Popen[bytes], trace: Trace) -> threading.Thread:
    def read() -> None:
        pipe: Any = process.stdout
        with contextlib.suppress(OSError, ValueError):
            while block := pipe.read1(_CHUNK_BYTES):
                trace.write(block)
        pipe.close()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    return reader
