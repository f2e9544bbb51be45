"""Run a function once: its zip in a process of its own, with the emulator as the only AWS it can find."""

from __future__ import annotations

import datetime
import json
import subprocess
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.container.environment import aws_settings
from orchestrator.emulator.aws.functions.catalogue import Function
from orchestrator.emulator.aws.functions.logs import Report, Writer
from orchestrator.emulator.aws.functions.machine import CannotRun, python_for
from orchestrator.emulator.aws.functions.unpacked import Unpacked
from orchestrator.emulator.belongings import Belongings

MARKER = "_EMULATED_INVOCATION"
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_AT_ONCE = 4


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation: the answer as a JSON value, whether it is an error, and the log."""

    payload: Any
    failed: bool
    log: str


class Runner:
    """Runs functions of one region, a few at a time; `url` tells where the emulator is served."""

    def __init__(self, unpacked: Unpacked, place: Place, url: Callable[[], str], writer: Writer) -> None:
        self._unpacked = unpacked
        self._place = place
        self._url = url
        self._writer = writer
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._running: set[Belongings] = set()

    def close(self) -> None:
        """Kill every function that runs."""
        for belongings in list(self._running):
            belongings.end()

    def run(self, function: Function, event: Any, request_id: str) -> Outcome:
        """Run `function` on `event`, wait for its end or its time-out, and write its log."""
        stream = f"{datetime.datetime.now(datetime.timezone.utc):%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        with self._places:
            began = time.monotonic()
            payload, failed, lines = self._attempt(function, event, request_id, stream)
            report = Report(request_id, function.version, lines, time.monotonic() - began, function.memory_mb)
        self._writer.write(function.log_group, stream, report)
        return Outcome(payload, failed, report.text())

    def _attempt(self, function: Function, event: Any, request_id: str, stream: str) -> tuple[Any, bool, str]:
        belongings = Belongings(f"{MARKER}={uuid.uuid4()}")
        self._running.add(belongings)
        try:
            python, task_root = python_for(function), self._unpacked.task_root(function)
            asked = {"handler": function.handler, "event": event, "context": _context(function, request_id, stream)}
            values = self._environment(function, task_root, stream, belongings)
            return self._in_process(function, asked, python, values, belongings)
        except CannotRun as reason:
            return _error(request_id, "Emulator.CannotRun", str(reason)), True, ""
        except zipfile.BadZipFile as error:
            return _error(request_id, "Runtime.InvalidZip", f"the deployment package cannot be read: {error}"), True, ""
        finally:
            self._running.discard(belongings)
            belongings.end()

    def _in_process(
        self,
        function: Function,
        asked: Mapping[str, Any],
        python: Path,
        values: Mapping[str, str],
        belongings: Belongings,
    ) -> tuple[Any, bool, str]:
        """Run the bootstrap; isolated (-I, -S), so that nothing of this machine's packages can be imported."""
        answer, output = belongings.folder / ".answer", belongings.folder / ".output"
        task_root, layers = Path(values["LAMBDA_TASK_ROOT"]), self._unpacked.layers(function)
        # Where Lambda's Python looks (AWS docs: Lambda, python-layers), and then the libraries of the runtime.
        after = [layers / "python" / "lib" / function.runtime / "site-packages", layers / "python"]
        paths = [_BOOTSTRAP, answer, task_root, *after, self._unpacked.libraries()]
        command = [str(python), "-I", "-S", "-B", *map(str, paths)]
        request_id = asked["context"]["aws_request_id"]
        timed_out = False
        with output.open("wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=task_root,
                env=dict(values),
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            belongings.add_session(process.pid)
            try:
                process.communicate(json.dumps(asked).encode(), timeout=function.timeout_seconds)
            except subprocess.TimeoutExpired:
                timed_out = True
                process.kill()
                process.wait()
        text = output.read_text(encoding="utf-8", errors="replace")
        if timed_out:
            message = f"Task timed out after {function.timeout_seconds:.2f} seconds"
            now = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
            line = f"{now} {request_id} {message}"
            return {"errorMessage": line}, True, f"{text}{line}\n"
        if not answer.exists():
            message = f"RequestId: {request_id} Error: Runtime exited with error: exit status {process.returncode}"
            return _error(request_id, "Runtime.ExitError", message), True, f"{text}{message}\n"
        told = json.loads(answer.read_text(encoding="utf-8"))
        return told["payload"], told["failed"], text

    def _environment(self, function: Function, task_root: Path, stream: str, belongings: Belongings) -> dict[str, str]:
        """Return the variables that Lambda reserves, and the function's own (AWS docs: configuration-envvars)."""
        name, _, value = belongings.marker.partition("=")
        return {
            "PATH": _PATH,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "HOME": str(belongings.folder),
            "LD_LIBRARY_PATH": f"{task_root}:{task_root / 'lib'}:{self._unpacked.layers(function) / 'lib'}",
            "TMPDIR": str(belongings.folder),
            **function.environment,
            **aws_settings(self._url(), self._place.region),
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "LAMBDA_TASK_ROOT": str(task_root),
            name: value,
        }


def _context(function: Function, request_id: str, stream: str) -> dict[str, Any]:
    return {
        "function_name": function.name,
        "function_version": function.version,
        "invoked_function_arn": function.arn,
        "memory_limit_in_mb": str(function.memory_mb),
        "aws_request_id": request_id,
        "log_group_name": function.log_group,
        "log_stream_name": stream,
        "timeout_seconds": function.timeout_seconds,
    }


def _error(request_id: str, kind: str, message: str) -> dict[str, str]:
    return {"errorMessage": message, "errorType": kind, "requestId": request_id}
