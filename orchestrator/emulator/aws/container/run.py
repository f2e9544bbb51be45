"""The life of one build, from QUEUED to COMPLETED (AWS docs: view-build-details-phases)."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.emulator import processes
from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.codebuild.build import Build
from orchestrator.emulator.aws.container import artifacts, delivery, environment, sources
from orchestrator.emulator.aws.container.buildspec import PHASES, POSIX_SHELLS, Buildspec, Phase, parse
from orchestrator.emulator.aws.container.environment import Folders
from orchestrator.emulator.aws.container.failures import PhaseFailed
from orchestrator.emulator.aws.container.logs import BuildLog
from orchestrator.emulator.aws.container.phases import Commands
from orchestrator.emulator.aws.container.progress import Progress, interrupted_status
from orchestrator.emulator.aws.container.runtimes import select_runtimes
from orchestrator.emulator.aws.container.session import Session
from orchestrator.emulator.aws.container.shell import Interrupted, Limits
from orchestrator.emulator.aws.container.slots import Slots
from orchestrator.emulator.belongings import Belongings
from orchestrator.vocabulary import BuildStatus

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Host:
    """What builds run on: the emulator's services and the machine's limits."""

    clients: Clients
    url: Callable[[], str]
    place: Place
    slots: Slots
    minute_seconds: float = 60.0


def run(build: Build, host: Host) -> None:
    """Run `build` to its end; whatever happens ends in its record, nothing is raised."""
    try:
        _Run(build, host).execute()
    except OSError:  # no room for its log or its temporary directory
        _log.exception("build %s cannot start", build.id)
        build.abandon()


def recover(build: Build) -> None:
    """Kill what an emulator that died left of `build`, and mark it as FAULT."""
    processes.end([], environment.marker(build.snapshot()))
    build.abandon()


class _Run:
    def __init__(self, build: Build, host: Host) -> None:
        self._build = build
        self._host = host
        self._belongings = Belongings(environment.marker(build.snapshot()))
        self._folders = Folders(build.folder, self._belongings.folder)
        self._log = BuildLog(build.folder / "build.log")
        self._progress = Progress(build, self._log)
        self._limits = Limits(build.stopped, math.inf)
        self._sessions: list[Session] = []

    def execute(self) -> None:
        status = BuildStatus.FAULT
        try:
            status = self._queue_then_work()
        except Interrupted as interruption:
            status = interrupted_status(interruption)
        except Exception:  # noqa: BLE001 - a bug must end as a FAULT that clients can see
            _log.exception("build %s faulted", self._build.id)
        finally:
            self._belongings.end()
            self._log.close()
            self._build.complete(status)

    def _queue_then_work(self) -> BuildStatus:
        record = self._build.snapshot()
        minute = self._host.minute_seconds
        with self._progress.leaving("QUEUED"):
            self._host.slots.take(self._limits.stopped, record["queuedTimeoutInMinutes"] * minute)
        try:
            self._limits = Limits(self._build.stopped, time.monotonic() + record["timeoutInMinutes"] * minute)
            return self._work()
        finally:
            self._host.slots.give_back()

    def _work(self) -> BuildStatus:
        with self._progress.phase("PROVISIONING", self._limits):
            self._folders.create()
            delivery.connect(self._build, self._log, self._host.clients.logs, self._host.place)
        self._log.container("Waiting for DOWNLOAD_SOURCE")
        failed = True
        try:
            with self._progress.phase("DOWNLOAD_SOURCE", self._limits):
                buildspec = self._download()
                session = self._open_session(buildspec)
            failed = self._run_phases(buildspec, session)
        except PhaseFailed:
            pass
        with self._progress.phase("FINALIZING", self._limits):
            for session in self._sessions:
                session.close()
        return BuildStatus.FAILED if failed else BuildStatus.SUCCEEDED

    def _download(self) -> Buildspec:
        record = self._build.snapshot()
        self._log.container(f"CODEBUILD_SRC_DIR={self._folders.source}")
        sources.download_all(record, self._folders, self._host.clients)
        return parse(sources.buildspec_text(record["source"], self._folders.source, self._host.clients))

    def _open_session(self, buildspec: Buildspec) -> Session:
        record = self._build.snapshot()
        region = self._host.place.region
        if buildspec.shell not in POSIX_SHELLS:
            raise PhaseFailed("CLIENT_ERROR", f"the emulator has no shell {buildspec.shell}, only bash")
        variables = environment.resolve(record, buildspec, self._host.clients)
        values = environment.assemble(record, self._folders, variables.values, self._host.url(), region)
        for secret in (*variables.secret, values["AWS_SECRET_ACCESS_KEY"]):
            self._log.hide(secret)
        if buildspec.git_credential_helper:
            environment.write_git_credential_helper(self._folders, region)
        select_runtimes(buildspec, self._folders.system, self._log)
        session = Session(
            self._folders,
            values,
            self._log.write,
            self._limits,
            joined=self._belongings.add_session,
            one_shell=buildspec.version != "0.1",
        )
        self._sessions.append(session)
        return session

    def _run_phases(self, buildspec: Buildspec, session: Session) -> bool:
        """Run the four phases and upload; return whether any of them failed."""
        commands = Commands(session.shell, self._log)
        failed = False
        for name in PHASES:
            phase = buildspec.phases.get(name, Phase())
            try:
                with self._progress.phase(name.upper(), self._limits):
                    commands.run(phase)
            except PhaseFailed as failure:
                failed = True
                if self._ends_the_build(name, phase, failure):
                    self._export(buildspec, session)
                    return True
        self._export(buildspec, session)
        try:
            with self._progress.phase("UPLOAD_ARTIFACTS", self._limits):
                record = self._build.snapshot()
                expand = session.shell().expand
                self._build.update(**artifacts.upload_all(record, buildspec, self._folders, self._host.clients, expand))
        except PhaseFailed:
            failed = True
        return failed

    def _ends_the_build(self, name: str, phase: Phase, failure: PhaseFailed) -> bool:
        """Apply `on-failure`, or the default: after a failed build phase post_build still runs."""
        rule = phase.on_failure
        if rule.action == "RETRY" and re.search(rule.pattern, failure.message):
            self._build.update(retriesAfterFailure=rule.retries)
        if rule.action == "CONTINUE":
            return False
        return rule.action in ("ABORT", "RETRY") or name in ("install", "pre_build")

    def _export(self, buildspec: Buildspec, session: Session) -> None:
        names = buildspec.exported_variables
        values = session.shell().expand([f"${{{name}-}}" for name in names]) if names else []
        exported = [{"name": name, "value": value} for name, value in zip(names, values, strict=True)]
        self._build.update(exportedEnvironmentVariables=exported)
