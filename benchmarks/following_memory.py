"""How much memory a process takes that follows builds which write ten megabytes of log each, all at once.

The builds are behind HTTP, in another process. Prints the highest resident memory of the process that follows them,
what it was before it began, and how much log it was told.

    python benchmarks/following_memory.py [--builds 100] [--megabytes 10] [--groups 1] [--seconds 30] [--line-bytes 400]
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import log_service

from orchestrator.effects.build_logs import QUICK, UNHURRIED, CloudWatchPages
from orchestrator.effects.codebuild import CodeBuildService
from orchestrator.watching.model import Wrote
from orchestrator.watching.watch import WatchWorld, watch

_GOAL_MB = 150


def resident_mb() -> float:
    """Return the highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builds", type=int, default=100)
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--groups", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--line-bytes", type=int, default=400)
    asked = parser.parse_args()
    lines = asked.megabytes * 1e6 / asked.line_bytes
    shape = {"builds": asked.builds, "groups": asked.groups, "seconds": asked.seconds, "line_bytes": asked.line_bytes}
    with log_service.serving(**shape, lines_per_second=lines / (0.9 * asked.seconds - 1)) as url:
        os.environ.update(log_service.environment(url))
        # As fast as it can: the limits of a region would make it last minutes.
        world = WatchWorld(
            CodeBuildService(log_service.REGION, UNHURRIED, QUICK),
            CloudWatchPages(log_service.REGION),
            log_calls_per_second=1000,
            group_calls_per_second=1000,
        )
        world.codebuild.builds(log_service.begin(url)["ids"])
        before, began, told = resident_mb(), time.time(), 0
        for seen in watch(log_service.begin(url)["ids"], world):
            if isinstance(seen, Wrote):
                told += sum(len(line.text) for line in seen.lines)
        print(f"calls: {log_service.calls(url)}")
    print(f"told {told / 1e6:.0f} MB of {asked.builds} builds in {time.time() - began:.0f} s")
    peak = resident_mb()
    verdict = "met" if peak < _GOAL_MB else "NOT met"
    print(f"resident: {before:.0f} MB before, {peak:.0f} MB at most (goal: under {_GOAL_MB} MB, {verdict})")


if __name__ == "__main__":
    main()
