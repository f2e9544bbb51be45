"""One emulator for the tests of the whole loop, and projects to send through it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import gitlab
import pytest

from orchestrator.emulator import control
from orchestrator.emulator.control import Running

KEPT = (
    "PATH",
    "PIP_CERT",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "ORCHESTRATOR_PROVIDER_MIRROR",
)
IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "test"), ("EMAIL", "test@example.com"))
}
HOME_JOB = """
came-home:
  rules:
    - if: $CI_PIPELINE_SOURCE == "trigger"
  script:
    - printf '%s' "$ORCHESTRATOR_BUILD_ID" > build-id
  artifacts:
    paths: [build-id]
"""


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return an emulator that ends with the test session."""
    directory = tmp_path_factory.mktemp("emulator")
    running = control.up(directory, detach=False)
    yield running
    control.down(directory)


@dataclass
class Shop:
    """A project at a terminal: a checkout, a GitLab project, and credentials in the environment."""

    running: Running
    folder: Path
    name: str
    project: Any
    token: str
    environment: dict[str, str] = field(default_factory=dict)

    def orchestrator(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a person at this terminal does."""
        return subprocess.run(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def git(self, *arguments: str) -> str:
        """Run git in the checkout."""
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        """Write files, commit them and push; return the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        address = self.running.gitlab_url.replace("://", f"://oauth2:{self.running.gitlab_token}@")
        self.git(
            "push", "--quiet", "--force", f"{address}/{self.project.path_with_namespace}.git", "HEAD:refs/heads/main"
        )
        return self.git("rev-parse", "HEAD")

    def aws(self, service: str) -> Any:
        """Return a boto3 client of the emulated AWS."""
        return boto3.session.Session(
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.running.region,
        ).client(service, endpoint_url=self.running.aws_url)

    def build_id(self) -> str:
        """Return the build that `orchestrator build` has started last."""
        text = (self.folder / ".orchestrator" / "build.env").read_text()
        return dict(line.split("=", 1) for line in text.splitlines())["ORCHESTRATOR_BUILD_ID"]


@pytest.fixture
def shop(emulator: Running, tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    """Return a fresh project whose trigger token is stored, and nothing else yet."""
    name = f"shop-{abs(hash(request.node.nodeid)) % 10**10}"
    connection = gitlab.Gitlab(emulator.gitlab_url, private_token=emulator.gitlab_token)
    project = connection.projects.get(connection.projects.create({"name": name, "path": name}).id)
    token = project.triggers.create({"description": "test"}).token
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": str(tmp_path), **control.environment(emulator)}
    folder = tmp_path / "checkout"
    folder.mkdir()
    made = Shop(emulator, folder, name, project, token, environment)
    made.aws("ssm").put_parameter(Name=f"/gitlab/trigger/{name}", Value=token, Type="SecureString")
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit(
        {
            ".gitignore": ".orchestrator/\npackage.zip\nmanifest.json\n",
            ".gitlab-ci.yml": HOME_JOB,
            "src/handler.py": "def handler(event, context):\n    return 1\n",
            "orchestrator.yml": f"project: {name}\nregion: {emulator.region}\ngitlab: {{project: {project.id}}}\n"
            "packages:\n  parser:\n    source: src\n    build: {timeout_minutes: 5}\n",
        }
    )
    return made
