"""How much sooner `orchestrator --version` and `orchestrator build --help` have answered than `aws --version`.

`aws` is awscli 1 of the same environment: written in Python as well, and what people have in their hands. Runs
the sides in turn in one run, prints the seconds and the ratio of the medians. The extra `emulator` brings it.

    python benchmarks/startup.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from compare import Side, compare

_GOAL = 3
_PROGRAMS = Path(sys.executable).parent


def answered(folder: str, *words: str) -> None:
    """Run a program of this environment as a person does who has configured nothing."""
    environment = {"PATH": os.environ["PATH"], "HOME": folder}
    program, *arguments = words
    command = [str(_PROGRAMS / program), *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        run: Callable[..., Callable[[], None]] = partial(partial, answered, folder)
        theirs = Side("aws --version", run("aws", "--version"))
        for words in (("orchestrator", "--version"), ("orchestrator", "build", "--help")):
            compare(Side(" ".join(words), run(*words)), theirs, rounds=rounds, goal=_GOAL)


if __name__ == "__main__":
    main()
