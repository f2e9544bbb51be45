"""How long `orchestrator prebuild` and `orchestrator build` take when nothing has changed: settings, commit and inputs.

Against the emulator. The seconds are what the command costs a job that has nothing to do, the start of Python included.
As in the jobs of the guide there is no token of GitLab, so no commit status is set; `--token` sets it. Prints the
seconds of both in turn, beside those of `orchestrator --version`, which does nothing at all, and the ratio.

    python benchmarks/unchanged_loop.py [--rounds 7] [--token]
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
from typing import Any

import boto3
import gitlab

from orchestrator.emulator import control

_GOAL_SECONDS = 1.0
_IDENTITY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
_FILES = {
    ".gitignore": ".orchestrator/\n",
    "src/handler.py": "def handler(event, context):\n    return 1\n",
    "orchestrator.yml": "project: unchanged\nregion: eu-central-1\ngitlab: {project: PROJECT}\n"
    "packages:\n  parser:\n    source: src\n",
}
_COMMANDS = ("--version", "prebuild", "build")


def seconds(folder: Path, environment: dict[str, str], command: str) -> float:
    """Return the seconds of one command."""
    begin = time.perf_counter()
    words = [str(Path(sys.executable).parent / "orchestrator"), command]
    subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begin


def site(folder: Path, running: control.Running, aws: Any) -> None:
    """Make a GitLab project, its trigger token in SSM, and a checkout with one commit."""
    server = gitlab.Gitlab(running.gitlab_url, private_token=running.gitlab_token)
    project = server.projects.get(server.projects.create({"name": "unchanged", "path": "unchanged"}).id)
    token = project.triggers.create({"description": "benchmark"}).token
    aws("ssm").put_parameter(Name="/gitlab/trigger/unchanged", Value=token, Type="SecureString")
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("PROJECT", str(project.id)))
    for words in (("init", "--quiet", "-b", "main"), ("add", "--all"), ("commit", "--quiet", "--message", "Start")):
        subprocess.run(["git", *_IDENTITY, *words], cwd=folder, check=True)


def finished(aws: Any) -> None:
    """Wait until the first build has ended well."""
    builder = aws("codebuild")
    while True:
        ids = builder.list_builds()["ids"]
        (build,) = builder.batch_get_builds(ids=ids)["builds"]
        if build["buildStatus"] != "IN_PROGRESS":
            break
        time.sleep(0.2)
    if build["buildStatus"] != "SUCCEEDED":
        raise SystemExit(f"the build has ended with {build['buildStatus']}")


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--token", action="store_true")
    options = parser.parse_args()
    seen: dict[str, list[float]] = {command: [] for command in _COMMANDS}
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        running = control.up(base / "emulator", detach=False, region="eu-central-1")
        try:
            environment = {**os.environ, **control.environment(running)}
            if not options.token:
                del environment["ORCHESTRATOR_GITLAB_TOKEN"]
            session = boto3.session.Session(
                environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], region_name=running.region
            )

            def aws(service: str) -> Any:
                return session.client(service, endpoint_url=running.aws_url)  # type: ignore[call-overload]

            folder = base / "checkout"
            folder.mkdir()
            site(folder, running, aws)
            seconds(folder, environment, "prebuild")
            seconds(folder, environment, "build")
            finished(aws)
            for _ in range(options.rounds):
                for command in _COMMANDS:
                    seen[command].append(seconds(folder, environment, command))
            builds = len(aws("codebuild").list_builds()["ids"])
        finally:
            control.down(base / "emulator")
    report(seen, builds)


def report(seen: dict[str, list[float]], builds: int) -> None:
    """Print the seconds, the ratios, and whether the goals are met."""
    nothing = statistics.median(seen["--version"])
    for command, values in seen.items():
        median = statistics.median(values)
        goal = "" if command == "--version" else f", goal under {_GOAL_SECONDS:g} s: "
        verdict = ("met" if median < _GOAL_SECONDS else "NOT met") if goal else ""
        print(f"orchestrator {command:<9}  {', '.join(f'{value:.2f}' for value in values)} s", flush=True)
        print(f"  median {median:.2f} s, {median / nothing:.1f} times `--version`{goal}{verdict}")
    print(f"builds started in all: {builds}")


if __name__ == "__main__":
    main()
