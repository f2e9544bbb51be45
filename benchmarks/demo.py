"""Time and memory of `orchestrator demo`, as a newcomer runs it.

Prints seconds, and the peak of the memory of all its processes together (proportional set size, so that shared pages
count once; Linux only), for each round.

    python benchmarks/demo.py [--rounds 3] [--architecture x86_64]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_SAMPLE_SECONDS = 0.2


def family(pid: int) -> list[int]:
    """Return a process and all that it has started, as far as they live."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [member for child in children.read_text().split() for member in family(int(child))]
        except OSError:
            continue
    return found


def memory_bytes(pid: int) -> int:
    """Return the proportional set size of a process, 0 if it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def run(arguments: list[str]) -> tuple[float, int]:
    """Return seconds and peak bytes of one demo; end with its exit code if it fails."""
    begin = time.monotonic()
    peak = 0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "orchestrator", "demo", "--output", f"{folder}/demo", *arguments]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                peak = max(peak, sum(memory_bytes(member) for member in family(process.pid)))
                time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        raise SystemExit(process.returncode)
    return time.monotonic() - begin, peak


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--architecture", default="arm64")
    options = parser.parse_args()
    seen = [run(["--architecture", options.architecture]) for _ in range(options.rounds)]
    for seconds, peak in seen:
        print(f"{seconds:.1f} s, peak {peak / 1024 / 1024:.0f} MiB")
    median = statistics.median(seconds for seconds, _ in seen)
    print(f"median {median:.1f} s, highest peak {max(peak for _, peak in seen) / 1024 / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
