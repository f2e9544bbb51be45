"""Starts the real commands quickly: every import is done once here, and each command is a fork of this process.

A request is a line of JSON on standard input: `argv` (`["orchestrator", "build"]`, or `["handback", EVENT]`), `cwd`,
`environment`, `output` (a file for both streams), `journal` (a file for what is done on this machine), and `kill_at`,
the number of the entry of that journal before which the process kills itself, 0 for never. The answers are the
process id, and then, when the process has ended, its exit code or minus the signal that ended it.

What a command does on this machine (files that get their final name, programs that are run) is seen by an audit hook
(PEP 578), so the product needs no hook of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def preload(environment: dict[str, str], folder: str) -> None:
    """Import and make, once, what every command would import and make."""
    os.environ.update(environment)
    import gitlab  # noqa: F401 - so that no fork has to

    from orchestrator.cli import main, package, reconcile, stages, stop, wire  # noqa: F401
    from orchestrator.cli.project import load_project
    from orchestrator.effects import aws, inspection, job_pipelines  # noqa: F401
    from orchestrator.handback import aws as function

    _ = load_project(Path(folder, "orchestrator.yml"), environment).root
    for service in ("codebuild", "s3", "logs", "ssm", "sqs", "sts"):
        aws.client(service, environment["AWS_REGION"])
        function.client(service, environment["AWS_REGION"])


def watch(journal: str, kill_at: int, root: str) -> None:
    """Write down each local step below `root` before it is made, and die before the chosen one."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event == "os.rename" and str(arguments[1]).startswith(root):
            step = f"rename to {Path(str(arguments[1])).name}"
        elif event == "subprocess.Popen":
            words = [str(word) for word in arguments[1]]
            step = "run " + " ".join(word for word in words if "=" not in word and not word.startswith("-"))[:60]
        else:
            return
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        with Path(journal).open("a", encoding="utf-8") as file:
            file.write(f"{step}\n")

    sys.addaudithook(hook)


def run(request: dict[str, Any]) -> None:
    """Be the command; never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number in (1, 2):
            os.dup2(output, number)
        watch(request["journal"], request["kill_at"], request["cwd"])
        code = call(request["argv"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def call(argv: list[str]) -> int:
    """Call the command line, or the function that Lambda calls."""
    if argv[0] == "handback":
        from orchestrator.errors import OrchestratorError
        from orchestrator.handback.handler import handle

        class Context:
            aws_request_id = "stand"

            def get_remaining_time_in_millis(self) -> int:
                return 120_000

        try:
            say(json.dumps(handle(json.loads(argv[1]), Context())))
        except OrchestratorError as error:
            say(str(error))
            return error.exit_code
        return 0
    from orchestrator.cli.main import main

    sys.argv = argv
    main()
    return 0


def say(line: str) -> None:
    """Write one line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve() -> None:
    """Answer requests until standard input ends."""
    first = json.loads(sys.stdin.readline())
    preload(first["environment"], first["cwd"])
    say("ready")
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run(request)
        say(str(child))
        say(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


if __name__ == "__main__":
    serve()
