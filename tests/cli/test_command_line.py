"""The door: exit codes, messages, and what needs nobody."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import _COMMANDS, cli

SMALL = "project: demo\nregion: eu-central-1\npackages:\n  parser: {}\n"


def run(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with nothing in its environment but PATH."""
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a small configuration in a git repository."""
    (tmp_path / "orchestrator.yml").write_text(SMALL)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(tmp_path)], check=True)
    return tmp_path


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_every_command_has_help_with_an_example(command: str) -> None:
    """`--help` of every command says what it does and shows an example."""
    outcome = CliRunner().invoke(cli, [command, "--help"])
    assert outcome.exit_code == 0
    assert "Example:" in outcome.output


def test_a_rendered_root_is_whole(project: Path) -> None:
    """With `return: event` the function's zip lies in the rendered root, with the digest that Terraform expects."""
    (project / "orchestrator.yml").write_text(f"{SMALL}return: event\ngitlab: {{project: group/demo}}\n")
    outcome = run("render", "--output", "out", cwd=project)
    assert outcome.returncode == 0, outcome.stderr
    told = json.loads((project / "out/terraform/terraform.tfvars.json").read_text())["handback"]
    content = (project / "out/terraform" / told["code"]["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == told["code"]["sha256"]


def test_planning_needs_no_network_and_no_credentials(project: Path, tmp_path: Path) -> None:
    """`plan`, `render` and `schema` work where every connection fails and nobody is logged in."""
    site = tmp_path / "no-network"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import socket\ndef refuse(*a, **k):\n    raise AssertionError('connects')\n"
        "socket.socket.connect = refuse\nsocket.getaddrinfo = refuse\n"
    )
    offline = {"PYTHONPATH": str(site)}
    plan = run("plan", "--json", cwd=project, environment=offline)
    assert plan.returncode == 0, plan.stderr
    assert json.loads(plan.stdout)["builds"][0]["codebuild_project"] == "demo-parser"
    for command in ("plan", "render", "schema"):
        assert run(command, cwd=project, environment=offline).returncode == 0
    assert socket.socket


def test_the_plan_is_the_same_in_a_pipeline_and_at_a_desk(project: Path) -> None:
    """Where Terraform keeps its state does not change the settings digest, so a laptop can re-run a build."""
    (project / "orchestrator.yml").write_text(SMALL + "gitlab: {project: group/demo}\n")
    in_ci = {"GITLAB_CI": "true", "CI": "true", "CI_PROJECT_ID": "7", "CI_SERVER_URL": "https://gitlab.com"}
    digests = [
        json.loads(run("plan", "--json", cwd=project, environment=environment).stdout)["settings_digest"]
        for environment in ({}, in_ci)
    ]
    assert digests[0] == digests[1]


def test_bad_configuration_tells_everything_at_once(project: Path) -> None:
    """All problems of a configuration are told in one run, each with its line, and the exit code is 2."""
    (project / "orchestrator.yml").write_text(
        textwrap.dedent("""\
        project: demo
        regoin: eu-central-1
        packages:
          parser:
            architecture: arm
            runtme: python3.12
        """)
    )
    outcome = run("plan", cwd=project, environment={"AWS_REGION": "eu-central-1"})
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    for wanted in ("orchestrator.yml:2", "orchestrator.yml:5", "orchestrator.yml:6", "region", "runtime"):
        assert wanted in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["no-such-command"], 2),
        (["plan", "--no-such-option"], 2),
        (["postbuild"], 2),
        (["plan", "--config", "missing.yml"], 2),
        (["--help"], 0),
        (["--version"], 0),
    ],
)
def test_usage_has_its_exit_code(project: Path, arguments: list[str], code: int) -> None:
    """Wrong usage ends with 2 and one hint, never with a traceback."""
    outcome = run(*arguments, cwd=project)
    assert outcome.returncode == code
    assert "Traceback" not in outcome.stderr
    assert code == 0 or "hint:" in outcome.stderr


@pytest.mark.parametrize("ref", ["prod/db,type=SECRETS_MANAGER", "x;id", "$(id)", "-x", "a\u202eb", "0" * 40])
def test_a_hostile_branch_is_refused(project: Path, ref: str) -> None:
    """A branch whose name could mean something to a shell or a client ends with 5 before anything is asked."""
    outcome = run(
        "build", "--ref", ref, cwd=project, environment={"CI_PROJECT_ID": "7", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    )
    assert outcome.returncode == 5
    assert "hint:" in outcome.stderr


def test_a_bug_leaves_a_report_without_values(project: Path) -> None:
    """Our own bug ends with 70 and a report that holds the way through the code, and no value."""
    program = (
        "from orchestrator.cli.boundary import guarded\n"
        "def bug():\n    secret = 'glpat-canary'\n    raise ValueError(secret)\n"
        "guarded(bug)\n"
    )
    outcome = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False)
    assert outcome.returncode == 70
    report = Path(next(line for line in outcome.stderr.splitlines() if line.startswith("report: "))[8:])
    assert "glpat-canary" not in report.read_text() + outcome.stderr
    report.unlink()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interruption_is_not_a_failure_of_the_build(project: Path, number: signal.Signals) -> None:
    """A cancelled job ends with 4 and says that it can be repeated."""
    program = (
        "import time\nfrom orchestrator.cli.boundary import guarded\n"
        "def wait():\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "guarded(wait)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=project
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, message = process.communicate(timeout=30)
    assert process.returncode == 4
    assert "hint:" in message
