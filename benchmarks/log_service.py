"""Builds that write logs, behind HTTP: BatchGetBuilds, GetLogEvents and FilterLogEvents, and nothing else.

A process of its own, so that what is measured shares no interpreter with it. `POST /begin` starts the builds (again)
and forgets the calls, `GET /calls` tells how often each operation was called. `follow.py` and `following_memory.py`
start it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REGION = "eu-central-1"
_MOST_EVENTS = 10_000
_MOST_BYTES = 1024 * 1024
# Between the last line and the moment when the build counts as complete.
_FINALIZING_SECONDS = 1.0
_CLOSING = (
    "[Container] 2026/01/02 03:04:05.000000 Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED\n",
    "[Container] 2026/01/02 03:04:05.000000 Phase context status code:  Message: \n",
)


class Builds:
    """Builds that began one after another in the first tenth of the time, and write until a moment before their end."""

    def __init__(self, shape: dict[str, Any]) -> None:
        self.shape = shape
        self.begin()

    def begin(self) -> None:
        """Start them all (again)."""
        self.calls: Counter[str] = Counter()
        self.began = time.time()

    def ids(self) -> list[str]:
        """Return their ids."""
        groups = self.shape["groups"]
        return [f"p{number % groups}:{number:032d}" for number in range(self.shape["builds"])]

    def span(self, build_id: str) -> tuple[float, float]:
        """Return when a build begins and ends."""
        seconds, count = self.shape["seconds"], self.shape["builds"]
        begin = self.began + 0.1 * seconds * int(build_id[-32:]) / count
        return begin, begin + 0.9 * seconds

    def lines(self, build_id: str, since: float, until: float) -> Iterator[tuple[float, str]]:
        """Return the lines that a build wrote from a moment on, before another one."""
        begin, end = self.span(build_id)
        last = end - _FINALIZING_SECONDS
        step = 1 / self.shape["lines_per_second"]
        number = max(0, int((since - begin) / step))
        text = "x" * (self.shape["line_bytes"] - 1) + "\n"
        while (at := begin + number * step) < min(until, last):
            yield at, text
            number += 1
        if until > last:
            for closing in _CLOSING:
                yield last, closing

    def record(self, build_id: str) -> dict[str, Any]:
        """Return what CodeBuild says of a build."""
        begin, end = self.span(build_id)
        over = time.time() >= end
        project, _, stream = build_id.partition(":")
        names = ["SUBMITTED", "PROVISIONING", "BUILD", *(["UPLOAD_ARTIFACTS", "COMPLETED"] if over else [])]
        return {
            "id": build_id,
            "arn": f"arn:aws:codebuild:{REGION}:123456789012:build/{build_id}",
            "projectName": project,
            "buildStatus": "SUCCEEDED" if over else "IN_PROGRESS",
            "buildComplete": over,
            "startTime": begin,
            **({"endTime": end} if over else {}),
            "phases": [{"phaseType": name, "phaseStatus": "SUCCEEDED"} for name in names],
            "logs": {"groupName": f"/aws/codebuild/{project}", "streamName": stream},
        }

    def get_log_events(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a piece of one log; the token is how many lines were given before."""
        project = asked["logGroupName"].rpartition("/")[2]
        begin, _ = self.span(asked["logStreamName"])
        told = int(asked.get("nextToken", 0)) or max(
            0, int((asked.get("startTime", 0) / 1000 - begin) * self.shape["lines_per_second"])
        )
        events: list[dict[str, Any]] = []
        size = 0
        build_id = f"{project}:{asked['logStreamName']}"
        since = begin + told / self.shape["lines_per_second"]
        for at, text in self.lines(build_id, since, time.time()):
            if len(events) >= _MOST_EVENTS or size >= _MOST_BYTES:
                break
            events.append({"timestamp": int(at * 1000), "message": text, "ingestionTime": int(at * 1000)})
            size += len(text)
        _, end = self.span(build_id)
        whole = int((end - _FINALIZING_SECONDS - begin) * self.shape["lines_per_second"]) + 1
        closed = told >= whole + 1
        return {"events": [] if closed else events, "nextForwardToken": str(told if closed else told + len(events))}

    def filter_log_events(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a piece of several logs; the token is the moment where the next piece begins."""
        project = asked["logGroupName"].rpartition("/")[2]
        since = float(asked.get("nextToken") or asked.get("startTime", 0) / 1000)
        streams = asked["logStreamNames"]
        now = time.time()
        # So much time as fits into one piece, if all of them talk.
        bytes_per_second = self.shape["lines_per_second"] * self.shape["line_bytes"] * len(streams)
        events_per_second = self.shape["lines_per_second"] * len(streams)
        since = max(since, self.began)
        until = min(now, since + max(0.01, min(_MOST_BYTES / bytes_per_second, _MOST_EVENTS / events_per_second)))
        found = sorted(
            (at, stream, text)
            for stream in streams
            for at, text in self.lines(f"{project}:{stream}", since, until)
            if at >= since
        )
        events = [
            {"timestamp": int(at * 1000), "message": text, "logStreamName": stream, "ingestionTime": 0, "eventId": "1"}
            for at, stream, text in found
        ]
        return {"events": events, **({"nextToken": repr(until)} if until < now else {})}


def handler(builds: Builds) -> type[BaseHTTPRequestHandler]:
    """Return what answers the requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(dict(builds.calls))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            if self.path == "/begin":
                builds.begin()
                self._answer({"ids": builds.ids(), "ends": {name: builds.span(name)[1] for name in builds.ids()}})
                return
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            builds.calls[operation] += 1
            if operation == "BatchGetBuilds":
                self._answer({"builds": [builds.record(name) for name in body["ids"]]})
            elif operation == "GetLogEvents":
                self._answer(builds.get_log_events(body))
            else:
                self._answer(builds.filter_log_events(body))

        def _answer(self, content: object) -> None:
            encoded = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving(**shape: Any) -> Iterator[str]:
    """Start the service as a process; give its address."""
    command = [sys.executable, str(Path(__file__)), json.dumps(shape)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def environment(url: str) -> dict[str, str]:
    """Return what makes AWS clients talk to the service."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def begin(url: str) -> dict[str, Any]:
    """Start the builds (again); return their ids and when each ends."""
    return _asked(urllib.request.Request(f"{url}/begin", method="POST"))  # noqa: S310 - the address is ours


def calls(url: str) -> dict[str, int]:
    """Return how often each operation was called since the builds began."""
    return _asked(urllib.request.Request(f"{url}/calls"))  # noqa: S310 - the address is ours


def _asked(request: urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the address is ours
        return dict(json.load(answer))


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(Builds(json.loads(sys.argv[1]))))
    server.daemon_threads = True
    server.request_queue_size = 128
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever).start()
