"""One build: its record as BatchGetBuilds tells it, safe for threads, kept on disk at every change."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws.codebuild import records
from orchestrator.emulator.aws.codebuild.records import Record
from orchestrator.vocabulary import BuildStatus

FILE_NAME = "build.json"


class Build:
    """A build in `folder`; `request` is what StartBuild was given, kept for RetryBuild.

    `verdict`, where it is set, is the status with which it ends, whatever happened in it.
    """

    def __init__(self, folder: Path, record: Record, request: Mapping[str, Any]) -> None:
        self.folder = folder
        self.request = dict(request)
        self.verdict: BuildStatus | None = None
        self.stopped = threading.Event()
        self.finished = threading.Event()
        self._record = record
        self._lock = threading.RLock()

    @classmethod
    def load(cls, path: Path, content: Mapping[str, Any]) -> Build:
        """Return the build that `save` wrote to `path`."""
        return cls(path.parent, content["build"], content["request"])

    @property
    def id(self) -> str:
        """Return `project:uuid`."""
        return str(self._record["id"])

    @property
    def project(self) -> str:
        """Return the project's name."""
        return str(self._record["projectName"])

    @property
    def running(self) -> bool:
        """Return whether the build has not come to an end."""
        return not self._record["buildComplete"]

    def snapshot(self) -> Record:
        """Return a copy of the record as it is now."""
        with self._lock:
            return copy.deepcopy(self._record)

    def update(self, **members: Any) -> None:
        """Set members of the record."""
        with self._lock:
            self._record.update(members)
            self.save()

    def begin(self, phase: str) -> None:
        """Enter `phase`."""
        with self._lock:
            self._record["phases"].append({"phaseType": phase, "startTime": time.time()})
            self._record["currentPhase"] = phase
            self.save()

    def end_phase(self, status: BuildStatus, code: str = "", message: str = "") -> None:
        """Leave the current phase with `status` and one context."""
        with self._lock:
            phase = self._record["phases"][-1]
            now = time.time()
            phase.update(
                phaseStatus=status.value,
                endTime=now,
                durationInSeconds=int(now - phase["startTime"]),
                contexts=[{"statusCode": code, "message": message}],
            )
            self.save()

    def complete(self, status: BuildStatus) -> None:
        """Come to the end: phase COMPLETED, end time, final status."""
        status = self.verdict or status
        with self._lock:
            now = time.time()
            self._record["phases"].append({"phaseType": "COMPLETED", "startTime": now})
            self._record.update(currentPhase="COMPLETED", buildStatus=status.value, endTime=now, buildComplete=True)
            self.save()
        self.finished.set()

    def abandon(self) -> None:
        """Record that the emulator ended while this build ran (FAULT)."""
        if self._record["phases"] and "phaseStatus" not in self._record["phases"][-1]:
            message = "The emulator ended while the build was running"
            self.end_phase(BuildStatus.FAULT, "INTERNAL_SERVICE_ERROR", message)
        self.complete(BuildStatus.FAULT)

    def save(self) -> None:
        """Write the record to its file."""
        with self._lock:
            records.save(self.folder / FILE_NAME, {"build": self._record, "request": self.request})
