"""Every requirement file of a folder, planned for both architectures and two runtimes.

Prints one row for each file and target: what was planned, or the named reason why it cannot be had. Ends with 1 only if
something was not understood: a crash, or a failure that names nobody.

    python benchmarks/requirement_sets.py FOLDER [--runtime python3.11 --runtime python3.13] [--only TEXT]
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import time
import traceback
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.packaging.lock.index import Index
from orchestrator.packaging.lock.model import DependencyPlan, Verdict
from orchestrator.packaging.lock.plan import index_of, plan_dependencies
from orchestrator.packaging.lock.uv import Uv
from orchestrator.packaging.programs import program
from orchestrator.packaging.runtimes import target_of

ARCHITECTURES = ("arm64", "x86_64")


def planned(plan: DependencyPlan) -> tuple[str, list[str]]:
    """Return the kind of outcome and what to say about it."""
    counts = [len(plan.having(verdict)) for verdict in Verdict]
    said = f"{counts[0]} wheels, {counts[1]} to compile"
    named = [f"{package.verdict.value}: {package}: {package.reason}" for package in plan.packages]
    named = [line for line in named if not line.startswith("wheel")]
    if counts[2]:
        return "impossible", [f"{said}, {counts[2]} impossible", *named]
    return ("to compile" if counts[1] else "wheels"), [said, *named]


def outcome(
    file: Path, architecture: str, runtime: str, cache: Path, indexes: dict[Path, Index]
) -> tuple[str, list[str]]:
    """Plan one file for one target; what the indexes have said about its projects is in `indexes`."""
    target = target_of(architecture, runtime)
    with tempfile.TemporaryDirectory() as scratch:
        uv = Uv(program("uv"), Path(scratch), cache, target, {})
        try:
            index = indexes[file] = indexes.get(file) or index_of(file, file.parent, file.parent)
            return planned(
                plan_dependencies(file, file.parent, file.parent, target, uv, lambda _line: None, index=index)
            )
        except OrchestratorError as error:
            unnamed = not error.detail or not error.hint
            kind = f"exit {error.exit_code}" if not unnamed else "unnamed"
            return kind, [error.what, *error.detail.splitlines()]
        except Exception:  # noqa: BLE001 - a crash is what this looks for
            return "crash", traceback.format_exc().splitlines()


def main() -> int:
    """Plan everything, and print the table and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runtime", action="append")
    parser.add_argument("--only", default="", help="take only files whose name contains this")
    parser.add_argument("--quiet", action="store_true", help="one line for each, without what has to be compiled")
    options = parser.parse_args()
    cache = Path.home() / ".cache" / "orchestrator"
    counts: collections.Counter[str] = collections.Counter()
    indexes: dict[Path, Index] = {}
    begin = time.monotonic()
    for file in sorted(path for path in options.folder.glob("*.txt") if options.only in path.name):
        for runtime in options.runtime or ["python3.11", "python3.13"]:
            for architecture in ARCHITECTURES:
                start = time.monotonic()
                kind, said = outcome(file, architecture, runtime, cache, indexes)
                counts[kind] += 1
                seconds = time.monotonic() - start
                print(
                    f"{file.stem:60}  {runtime:10}  {architecture:6}  {seconds:5.1f} s  {kind:10}  {said[0]}",
                    flush=True,
                )
                for line in [] if options.quiet else said[1:]:
                    print(f"    {line}", flush=True)
    summary = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    print(f"\n{sum(counts.values())} plans in {time.monotonic() - begin:.0f} s: {summary}")
    return 1 if counts["crash"] or counts["unnamed"] else 0


if __name__ == "__main__":
    sys.exit(main())
