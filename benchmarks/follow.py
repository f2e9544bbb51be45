"""What it costs to follow running builds to their end with their logs, and how late what they say is told.

Our watcher, against a loop per build that calls BatchGetBuilds and GetLogEvents every five seconds (the defaults of
dark-mechanicum/aws-codebuild), in turn, against the same builds behind HTTP. Prints calls per minute and their ratio,
the delays of all lines, and how long after its end each build is told to have ended.

    python benchmarks/follow.py [--builds 100] [--groups 1] [--seconds 40] [--rounds 1]
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import log_service

from orchestrator.effects.aws import client
from orchestrator.effects.build_logs import QUICK, UNHURRIED, CloudWatchPages, log_calls_per_second
from orchestrator.effects.codebuild import CodeBuildService
from orchestrator.watching.model import Ended, Wrote
from orchestrator.watching.watch import WatchWorld, watch

_LOOP_SECONDS = 5.0


@dataclass
class Round:
    """What one side has seen of the builds."""

    calls: int = 0
    seconds: float = 0.0
    lines: int = 0
    delays: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def write(self, events: list[int]) -> None:
        """Note lines by their moments, in milliseconds."""
        now = time.time()
        self.lines += len(events)
        self.delays += [now - moment / 1000 for moment in events]

    @property
    def per_minute(self) -> float:
        """How many calls a minute takes."""
        return self.calls / self.seconds * 60

    def row(self, name: str) -> str:
        """Return it as a line of a table."""
        return (
            f"{name:<10} {self.per_minute:8.0f} calls/min   {self.lines} lines, told after "
            f"{statistics.median(self.delays):.2f} s (median), {max(self.delays):.2f} s (longest);   "
            f"end told after {statistics.median(self.ends):.2f} s (median), {max(self.ends):.2f} s (longest)"
        )


def ours(url: str) -> Round:
    """Watch all builds."""
    seen, begun = Round(), log_service.begin(url)
    began = time.time()
    world = WatchWorld(
        CodeBuildService(log_service.REGION, UNHURRIED, QUICK),
        CloudWatchPages(log_service.REGION),
        log_calls_per_second=log_calls_per_second(log_service.REGION),
    )
    for told in watch(begun["ids"], world):
        if isinstance(told, Wrote):
            seen.write([line.moment for line in told.lines])
        elif isinstance(told, Ended):
            seen.ends.append(time.time() - begun["ends"][told.record.id])
    return _finished(seen, url, began)


def loops(url: str) -> Round:
    """Follow each build by a loop of its own; the loops do not begin in step."""
    seen, begun = Round(), log_service.begin(url)
    began = time.time()
    lock = threading.Lock()
    codebuild, logs = client("codebuild", log_service.REGION), client("logs", log_service.REGION)

    def follow(build_id: str) -> None:
        time.sleep(random.uniform(0, _LOOP_SECONDS))  # noqa: S311 - chance is no secret
        token: dict[str, str] = {}
        while True:
            build = codebuild.batch_get_builds(ids=[build_id])["builds"][0]
            place = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
            answer: Any = logs.get_log_events(**place, **token, startFromHead=True)
            token = {"nextToken": answer["nextForwardToken"]}
            with lock:
                seen.write([event["timestamp"] for event in answer["events"]])
            if build["buildComplete"]:
                with lock:
                    seen.ends.append(time.time() - begun["ends"][build_id])
                return
            time.sleep(_LOOP_SECONDS)

    threads = [threading.Thread(target=follow, args=(name,)) for name in begun["ids"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _finished(seen, url, began)


def _finished(seen: Round, url: str, began: float) -> Round:
    counted = log_service.calls(url)
    print(f"  {counted}", flush=True)
    seen.calls, seen.seconds = sum(counted.values()), time.time() - began
    return seen


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builds", type=int, default=100)
    parser.add_argument("--groups", type=int, default=1, help="log groups, which is projects, of the builds")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    shape = {"builds": asked.builds, "groups": asked.groups, "seconds": asked.seconds}
    ratios = []
    with log_service.serving(**shape, lines_per_second=1, line_bytes=80) as url:
        os.environ.update(log_service.environment(url))
        for _ in range(asked.rounds):
            own, others = ours(url), loops(url)
            print(own.row("ours"))
            print(others.row("loops"))
            ratios.append(others.per_minute / own.per_minute)
            print(f"the longest delay of a line, ours: {max(own.delays):.2f} s, loops: {max(others.delays):.2f} s")
    ratio = statistics.median(ratios)
    print(f"ratio of calls per minute (median): {ratio:.1f} (goal: 5, {'met' if ratio >= 5 else 'NOT met'})")


if __name__ == "__main__":
    main()
