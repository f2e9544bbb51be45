"""Enter and leave phases: in the build's record, and in its log as the real service writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.emulator.aws.codebuild.build import Build
from orchestrator.emulator.aws.container.failures import PhaseFailed
from orchestrator.emulator.aws.container.logs import BuildLog
from orchestrator.emulator.aws.container.nodes import YamlFileError
from orchestrator.emulator.aws.container.shell import Interrupted, Limits
from orchestrator.vocabulary import BuildStatus

_SILENT = ("QUEUED", "PROVISIONING", "FINALIZING")  # before and after the container writes its log
_ENTERED = {"DOWNLOAD_SOURCE": "Phase is DOWNLOAD_SOURCE", "UPLOAD_ARTIFACTS": ""}  # others: `Entering phase …`


class Progress:
    """Phases of one build."""

    def __init__(self, build: Build, log: BuildLog) -> None:
        self._build = build
        self._log = log

    @contextmanager
    def phase(self, name: str, limits: Limits) -> Iterator[None]:
        """Be in phase `name`; raise PhaseFailed or Interrupted as the body does, having recorded it."""
        self._build.begin(name)
        with self.leaving(name):
            limits.check()
            entered = _ENTERED.get(name, f"Entering phase {name}")
            if entered and name not in _SILENT:
                self._log.container(entered)
            yield
            limits.check()

    @contextmanager
    def leaving(self, name: str) -> Iterator[None]:
        """Record how the phase `name`, which was entered before, ends."""
        status, code, message = BuildStatus.FAULT, "INTERNAL_SERVICE_ERROR", "the emulator failed, see its log"
        try:
            yield
            status, code, message = BuildStatus.SUCCEEDED, "", ""
        except PhaseFailed as failure:
            status, code, message = BuildStatus.FAILED, failure.code, failure.message
            raise
        except YamlFileError as error:
            status, code, message = BuildStatus.FAILED, "YAML_FILE_ERROR", str(error)
            raise PhaseFailed(code, message) from error
        except Interrupted as interruption:
            status = interrupted_status(interruption)
            code, message = ("BUILD_TIMED_OUT", "Build has timed out. ") if status == "TIMED_OUT" else ("", "")
            raise
        finally:
            if name not in _SILENT:
                self._log.container(f"Phase complete: {name} State: {status.value}")
                self._log.container(f"Phase context status code: {code} Message: {message}")
            self._build.end_phase(status, code, message)


def interrupted_status(interruption: Interrupted) -> BuildStatus:
    """Return the status that an interruption gives to the phase and the build."""
    return BuildStatus.STOPPED if interruption.reason == "stopped" else BuildStatus.TIMED_OUT
