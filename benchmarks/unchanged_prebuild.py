"""How much less a second prebuild with unchanged settings takes than the first, which runs Terraform.

Runs both sides in turn in one run, against the emulator: a fresh project each time for the first side, and the same
project again for the second. Prints the seconds and the ratio of the medians.

    python benchmarks/unchanged_prebuild.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

from orchestrator.emulator import control

CONFIGURATION = (
    "project: round-{number}\nregion: eu-central-1\npackages:\n  parser: {{}}\ngitlab: {{project: demo/round}}\n"
)


def prebuild(folder: Path, environment: dict[str, str]) -> float:
    """Return the seconds of one `orchestrator prebuild`."""
    begin = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "orchestrator", "prebuild"], cwd=folder, env=environment, check=True, capture_output=True
    )
    return time.monotonic() - begin


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    first: list[float] = []
    second: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        running = control.up(base / "emulator", detach=False)
        try:
            environment = {**os.environ, **control.environment(running)}
            session = boto3.session.Session(
                aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                region_name="eu-central-1",
            )
            parameters = session.client("ssm", endpoint_url=running.aws_url)
            for number in range(rounds):
                parameters.put_parameter(Name=f"/gitlab/trigger/round-{number}", Value="x", Type="SecureString")
                folder = base / str(number)
                folder.mkdir()
                (folder / "orchestrator.yml").write_text(CONFIGURATION.format(number=number))
                first.append(prebuild(folder, environment))
                second.append(prebuild(folder, environment))
        finally:
            control.down(base / "emulator")
    print(f"first prebuild, runs Terraform:   {', '.join(f'{value:.2f}' for value in first)} s")
    print(f"second prebuild, settings equal:  {', '.join(f'{value:.2f}' for value in second)} s")
    print(f"ratio of medians: {statistics.median(first) / statistics.median(second):.1f}")


if __name__ == "__main__":
    main()
