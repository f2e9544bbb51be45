"""Runs in the function's own process: imports the handler, calls it once, and leaves its answer in a file.

It is started as a script, by its path, and imports nothing but the standard library.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any


class Context:
    """The second argument of a handler (AWS docs: Lambda, python-context)."""

    identity = None
    client_context = None

    def __init__(self, facts: dict[str, Any]) -> None:
        self.function_name = facts["function_name"]
        self.function_version = facts["function_version"]
        self.invoked_function_arn = facts["invoked_function_arn"]
        self.memory_limit_in_mb = facts["memory_limit_in_mb"]
        self.aws_request_id = facts["aws_request_id"]
        self.log_group_name = facts["log_group_name"]
        self.log_stream_name = facts["log_stream_name"]
        self._deadline = time.time() + facts["timeout_seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the handler may still run."""
        return max(0, int((self._deadline - time.time()) * 1000))


class HandlerProblem(Exception):
    """The handler cannot be had; `kind` is the error type that Lambda tells."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def main() -> None:
    """Read `{"handler", "event", "context"}` from standard input and run it."""
    answer_file, task_root, *after = sys.argv[1:]
    sys.path[:] = [task_root, *(entry for entry in sys.path if entry != str(Path(__file__).parent)), *after]
    asked = json.load(sys.stdin)
    answer = _answer(asked)
    sys.stdout.flush()
    Path(answer_file).write_text(json.dumps(answer), encoding="utf-8")


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        handler = _handler(asked["handler"])
        return {"payload": _jsonable(handler(asked["event"], Context(asked["context"]))), "failed": False}
    except HandlerProblem as problem:
        told: dict[str, Any] = {"errorMessage": str(problem), "errorType": problem.kind}
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is its answer
        frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
        told = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": frames}
    told["requestId"] = asked["context"]["aws_request_id"]
    trace = "".join(told.get("stackTrace", []))
    sys.stdout.write(f"[ERROR] {told['errorType']}: {told['errorMessage']}\n{trace}")
    return {"payload": told, "failed": True}


def _handler(name: str) -> Any:
    module_name, _, function_name = name.rpartition(".")
    if not module_name:
        raise HandlerProblem("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise HandlerProblem("Runtime.ImportModuleError", text) from error
    except SyntaxError as error:
        text = f"Syntax error in module '{module_name}': {error}"
        raise HandlerProblem("Runtime.UserCodeSyntaxError", text) from error
    try:
        return getattr(module, function_name)
    except AttributeError as error:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise HandlerProblem("Runtime.HandlerNotFound", text) from error


def _jsonable(value: Any) -> Any:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise HandlerProblem("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
    return value


if __name__ == "__main__":
    main()
