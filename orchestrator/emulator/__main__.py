"""`python -m orchestrator.emulator`: run the emulator in the foreground."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from orchestrator.emulator.server import DEFAULT_REGION, Emulator, serve
from orchestrator.errors import OrchestratorError


def main() -> int:
    """Parse the arguments and serve until told to end; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.emulator", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where all state lives")
    parser.add_argument("--region", default=DEFAULT_REGION, help="region of AWS (default: %(default)s)")
    parser.add_argument("--parent-pid", type=int, help="end when this process ends")
    parser.add_argument("--aws-port", type=int, default=0, help="port of AWS (default: a free one)")
    parser.add_argument("--gitlab-port", type=int, default=0, help="port of GitLab (default: a free one)")
    parser.add_argument(
        "--minute-seconds", type=float, default=60.0, help="length of a minute in build time-outs (default: 60)"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    for noisy in ("werkzeug", "botocore", "boto3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        emulator = Emulator(
            arguments.directory.resolve(),
            region=arguments.region,
            aws_port=arguments.aws_port,
            gitlab_port=arguments.gitlab_port,
            minute_seconds=arguments.minute_seconds,
        )
    except OrchestratorError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    serve(emulator, arguments.parent_pid)
    return 0


if __name__ == "__main__":
    sys.exit(main())
