"""How much faster files that come from no wheel are packed than by `zip -qrX`.

The application is the unpacked tree of lxml, numpy, pydantic and cryptography for arm64 and python3.12, so both sides
compress every file. Prints the seconds, both sizes, the ratio of the medians and the memory that our side has taken.

    python benchmarks/own_files.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
from pathlib import Path

from bench_wheels import TARGET, download, install
from compare import Side, compare
from zip_step import print_sizes

from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Order

GOAL = 4


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "wheels").mkdir()
        tree = base / "tree"
        install(download(base / "wheels"), tree)
        ours, theirs = base / "ours.zip", base / "theirs.zip"
        # `custom` leaves nothing out, so both sides pack the same files.
        order = Order("custom", TARGET, (), (tree,))
        compare(
            Side("ours (libdeflate)", lambda: assemble(order, ours), lambda: ours.unlink(missing_ok=True)),
            Side(
                "zip -qrX",
                lambda: subprocess.run(["zip", "-qrX", theirs, "."], cwd=tree, check=True),
                lambda: theirs.unlink(missing_ok=True),
            ),
            rounds=rounds,
            goal=GOAL,
        )
        print_sizes(ours, theirs, 0.0)
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
