"""How much faster a zip is assembled out of wheels than `zip -qrX` packs the tree they are installed to.

Both sides make one package of lxml, numpy, pydantic and cryptography for arm64 and python3.12. Downloading, and for the
other side installing, is not timed. Prints the seconds, both sizes and the ratio of the medians.

    python benchmarks/zip_step.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from bench_wheels import TARGET, download, install
from compare import Side, compare

from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Order

GOAL = 30
LARGER_PERCENT = 1.0


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "wheels").mkdir()
        wheels = download(base / "wheels")
        install(wheels, base / "tree")
        ours, theirs = base / "ours.zip", base / "theirs.zip"
        order = Order("function", TARGET, wheels, ())
        compare(
            Side("assembled out of wheels", lambda: assemble(order, ours), lambda: ours.unlink(missing_ok=True)),
            Side(
                "zip -qrX of the tree",
                lambda: subprocess.run(["zip", "-qrX", theirs, "."], cwd=base / "tree", check=True),
                lambda: theirs.unlink(missing_ok=True),
            ),
            rounds=rounds,
            goal=GOAL,
        )
        print_sizes(ours, theirs, LARGER_PERCENT)


def print_sizes(ours: Path, theirs: Path, larger_percent: float) -> None:
    """Print both sizes, and whether ours is within what it may be larger."""
    mine, other = ours.stat().st_size, theirs.stat().st_size
    percent = 100 * (mine / other - 1)
    met = "met" if percent <= larger_percent else "NOT met"
    print(f"sizes: {mine} and {other} bytes, {percent:+.2f} % (goal: at most {larger_percent:+g} %, {met})")


if __name__ == "__main__":
    main()
