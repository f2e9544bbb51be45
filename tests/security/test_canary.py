"""T14: every secret of a job is a canary, every command is run, and no spelling of a canary is anywhere afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orchestrator.redaction import SECRET_VARIABLES, spellings, squeeze

CANARY = "canary/+of'<the>&job?~0123456789"
NAMES = (*SECRET_VARIABLES, "NPM_TOKEN", "DB_PASSWORD", "SSH_PRIVATE_KEY", "VAULT_SECRET", "CI_JOB_JWT_V2")
BUILD = "demo-parser:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
SMALL = "project: demo\nregion: eu-central-1\npackages:\n  parser: {source: src}\n"
# A bug in the middle of a command that has read a secret and shows it in every way it can.
CRASH = """
import os, sys
from orchestrator.cli import main, screen
from orchestrator.cli.boundary import guarded
secret = os.environ["CI_JOB_TOKEN"]
def fail():
    print("out", secret, flush=True)
    sys.stderr.write(secret[:9])
    sys.stderr.flush()
    sys.stderr.write(secret[9:] + "\\n")
    try:
        eval("{'a': 1}[secret]")
    except KeyError as error:
        raise {kind}(f"https://oauth2:{secret}@gitlab.example/x") from error
guarded(fail)
"""


class Echo(BaseHTTPRequestHandler):
    """Refuses everything, and quotes the request with all of its headers: AWS and GitLab on a very bad day."""

    def do_POST(self) -> None:
        """Answer like AWS and GitLab at once."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
        quoted = f"{CANARY} {self.path} {dict(self.headers)} {body}"
        answer = json.dumps({"__type": "AccessDeniedException", "message": quoted, "error": quoted}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_HEAD = do_POST  # noqa: N815 - names of http.server

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def world() -> Iterator[str]:
    """Return the address of a server that refuses and quotes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository whose remote, too, holds the job's token."""
    folder = tmp_path / "repository"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "handler.py").write_text("def handler(event, context):\n    return 1\n")
    (folder / "orchestrator.yml").write_text(SMALL)
    (tmp_path / "tmp").mkdir()
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


def run(
    repository: Path, world: str, *arguments: str, program: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command, or a program, as a job with canaries for secrets would."""
    command = ["-c", program] if program else ["-m", "orchestrator", *arguments]
    environment = {
        **dict.fromkeys(NAMES, CANARY),
        "PATH": os.environ["PATH"],
        "HOME": str(repository.parent),
        "TMPDIR": str(repository.parent / "tmp"),
        "GITLAB_CI": "true",
        "CI_PROJECT_ID": "7",
        "CI_PIPELINE_ID": "8",
        "CI_COMMIT_REF_NAME": "main",
        "CI_SERVER_URL": world,
        "CI_API_V4_URL": f"{world}/api/v4",
        "CI_REPOSITORY_URL": f"https://gitlab-ci-token:{CANARY}@gitlab.example/group/name.git",
        "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
        "AWS_ENDPOINT_URL": world,
        "AWS_MAX_ATTEMPTS": "1",
        "PIP_INDEX_URL": f"{world.replace('://', '://user:canary%2Fof%2Fthe%2Findex@')}/simple",
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=repository,
        env={**environment, **more},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        timeout=120,
    )


def found(repository: Path, outcome: subprocess.CompletedProcess[str], given: tuple[str, ...] = ()) -> list[str]:
    """Return where a spelling of a canary is: in the output, or in a file that was not `given`."""
    texts = {"stdout": outcome.stdout, "stderr": outcome.stderr}
    for path in repository.parent.rglob("*"):
        if path.is_file() and path.name not in given:
            texts[str(path.relative_to(repository.parent))] = path.read_bytes().decode("utf-8", "surrogateescape")
    forms = spellings(CANARY) | spellings("canary/of/the/index") | {"canary"}
    return [name for name, text in texts.items() if any(form in squeeze(text)[0] for form in forms)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plan", "--json"], 0),
        (["render", "--output", "out"], 0),
        (["local", "status"], 0),
        (["prebuild"], 2),
        (["build"], 2),
        (["postbuild", "--build-id", BUILD], 2),
        (["stop", BUILD], 2),
        (["stop", "--ref", "main"], 2),
        (["reconcile"], 2),
        (["build", "--wait", "--json"], 2),
        (["attach", BUILD, "--output", "dist"], 2),
        (["rerun", "--local", "--ref", "main"], 2),
        (["logs", BUILD, "--json"], 2),
        (["explain", BUILD], 2),
        (["builds"], 2),
        (["artifacts", "get", BUILD], 2),
        (["artifacts", "verify", BUILD], 2),
        (["artifacts", "prune", "--gone-refs", "--yes"], 2),
        (["attach", CANARY], 2),
        (["rerun", "--build", CANARY], 2),
        (["stop", "--ref", CANARY], 5),
        (["build", "--ref", CANARY], 5),
        (["build", "--commit", CANARY], 2),
        (["build", "--package", CANARY], 2),
        (["plan", "--config", CANARY], 2),
        (["plan", f"--{CANARY}"], 2),
        (["package", "build", "src", "--requirements", "needs.txt", "--output", "dist/x.zip"], None),
        (["package", "build", "src", "--output", "dist/x.zip", "--environment", f"A={CANARY}"], None),
    ],
    ids=lambda value: " ".join(value).replace(CANARY, "X") if isinstance(value, list) else "",
)  # fmt: skip
def test_no_command_tells_a_secret(repository: Path, world: str, arguments: list[str], code: int | None) -> None:
    """Succeeded, misused, or refused by a world that quotes the request: output and files hold no canary."""
    (repository / "needs.txt").write_text("nothing-like-this==1\n")
    outcome = run(repository, world, *arguments)
    assert outcome.returncode == code or (code is None and outcome.returncode in {2, 3, 5}), outcome
    assert found(repository, outcome) == [], outcome


@pytest.mark.parametrize("kind", ["RuntimeError", "OSError", "UnicodeError", "ValueError"])
def test_a_crash_tells_no_secret(repository: Path, world: str, kind: str) -> None:
    """An internal error ends with 70, and neither its message nor the report that it leaves quotes the secret."""
    outcome = run(repository, world, program=CRASH.replace("{kind}", kind))
    assert outcome.returncode == 70, outcome
    assert "[redacted]" in outcome.stdout
    assert len(list((repository.parent / "tmp").glob("orchestrator-bug-*.txt"))) == 1
    assert found(repository, outcome) == []


@pytest.mark.parametrize("text", [f"{SMALL}'{CANARY.replace(chr(39), chr(39) * 2)}': 1\n", f'{SMALL}"\\x{CANARY}'])
def test_a_wrong_configuration_tells_no_secret(repository: Path, world: str, text: str) -> None:
    """A secret that somebody's template has put into orchestrator.yml is not quoted by the message about it."""
    (repository / "orchestrator.yml").write_text(text)
    outcome = run(repository, world, "plan")
    assert outcome.returncode == 2, outcome
    assert found(repository, outcome, ("orchestrator.yml",)) == []


@pytest.mark.parametrize("command", [["render", "--output", "out"], ["prebuild"]])
def test_a_secret_in_the_settings_reaches_no_file(repository: Path, world: str, command: list[str]) -> None:
    """The value of a job's token in `environment:` would stand in Terraform and provenance: it ends with 5."""
    text = SMALL.replace("source: src", f"source: src, environment: {{A: {json.dumps(CANARY)}}}")
    (repository / "orchestrator.yml").write_text(text)
    outcome = run(repository, world, *command)
    assert outcome.returncode == 5, outcome
    assert found(repository, outcome, ("orchestrator.yml",)) == []


def test_git_that_fails_tells_no_secret(repository: Path, world: str) -> None:
    """What git says about a broken repository is shown without the token, and git has never had it."""
    fake = repository.parent / "bin"
    fake.mkdir()
    (fake / "git").write_text('#!/bin/sh\nenv >&2\nenv\necho "fatal: https://x:$CI_JOB_TOKEN@h/" >&2\nexit 128\n')
    (fake / "git").chmod(0o755)
    outcome = run(repository, world, "build", PATH=f"{fake}:{os.environ['PATH']}")
    assert outcome.returncode in {2, 3}, outcome
    assert "AWS_ENDPOINT_URL=" in outcome.stderr
    assert found(repository, outcome) == []
    assert "CI_JOB_TOKEN" not in outcome.stderr


SPEAKING = """
import os, sys
from pathlib import Path
from orchestrator.packaging.process import stream
from orchestrator.redacted_stream import finish_output, redact_output
from orchestrator.redaction import KNOWN
KNOWN.learn(os.environ)
redact_output(KNOWN)
half = '''import os, time
for part in ("begin ", os.environ["A"][:9], os.environ["A"][9:], " end\\\\n"):
    os.write(1, part.encode())
    os.write(2, part.encode())
    time.sleep(0.05)
os.write(1, b"\\\\xff")
'''
code = stream([sys.executable, "-c", half], environment={"A": os.environ["CI_JOB_TOKEN"]}, directory=Path("."))
for out in (sys.stdout, sys.stderr):
    finish_output(out)
sys.exit(code)
"""


def test_commands_of_a_build_are_redacted_as_they_speak(repository: Path, world: str) -> None:
    """What the commands of a package print in pieces appears on the stream it was for, without the secret."""
    outcome = run(repository, world, program=SPEAKING)
    assert outcome.returncode == 0, outcome.stderr
    assert (outcome.stdout, outcome.stderr) == ("begin [redacted] end\n\ufffd", "begin [redacted] end\n")
    assert found(repository, outcome) == []
