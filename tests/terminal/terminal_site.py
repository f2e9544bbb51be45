"""A project at a terminal: the stand-in, a checkout, and builds that a person may look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import gitlab
import pytest
from pty_screen import Screen

from orchestrator.emulator import control
from orchestrator.emulator.control import Running

REGION = "eu-central-1"
_KEPT = (
    "PATH",
    "PIP_CERT",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "ORCHESTRATOR_PROVIDER_MIRROR",
)
_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "somebody"), ("EMAIL", "somebody@example.com"))
}
CONFIGURATION = """\
project: {name}
region: {region}
gitlab: {{url: '{url}', project: {project}}}
prices: {{arm1.small: {{per_minute: 0.0034}}}}
packages:
  parser:
    source: src
    build: {{timeout_minutes: 5}}
  images:
    kind: custom
    runtime: provided.al2023
    source: src
    commands:
      - printf '%b' '\\0033[2J\\0033]0;owned\\0007hostile \\0033[31mred\\n'
      - mkdir -p out && printf '#!/bin/sh\\n' > out/bootstrap && chmod 755 out/bootstrap
    output: out
    build: {{timeout_minutes: 5}}
"""
# The pipeline in which a package comes home has nothing to do here.
_PIPELINE = "came-home:\n  rules: [{if: $CI_PIPELINE_SOURCE == 'trigger'}]\n  script: ['true']\n"
HANDLER = "def handler(event, context):\n    return 1\n"


@dataclass(frozen=True)
class Site:
    """A checkout of a project, and a terminal in front of it."""

    running: Running
    folder: Path
    environment: dict[str, str]

    def open(self, *words: str, columns: int = 100, lines: int = 50, **environment: str) -> Screen:
        """Type a command at a terminal of a size."""
        return Screen(
            [sys.executable, "-m", "orchestrator", *words],
            folder=self.folder,
            environment={**self.environment, **environment},
            columns=columns,
            lines=lines,
        )

    def call(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call a command as a program does."""
        return subprocess.run(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def git(self, *words: str) -> str:
        """Run git in the checkout."""
        known = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", **_IDENTITY}
        outcome = subprocess.run(
            ["git", *words], cwd=self.folder, env=known, check=True, capture_output=True, text=True, timeout=60
        )
        return outcome.stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        """Write files and commit them; return the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def aws(self, service: str) -> Any:
        """Return a client of the stand-in."""
        session: Any = boto3.session.Session(
            self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"], region_name=REGION
        )
        return session.client(service, endpoint_url=self.running.aws_url)


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a stand-in that ends with the tests."""
    directory = tmp_path_factory.mktemp("stand-in")
    yield control.up(directory, detach=False, region=REGION)
    control.down(directory)


def open_site(running: Running, folder: Path, name: str) -> Site:
    """Return a project to which nothing has been applied, with its trigger token stored and one commit."""
    server = gitlab.Gitlab(running.gitlab_url, private_token=running.gitlab_token)
    project = server.projects.get(server.projects.create({"name": name, "path": name}).id)
    token = project.triggers.create({"description": "test"}).token
    known = {name: os.environ[name] for name in _KEPT if name in os.environ}
    known |= {"HOME": str(folder.parent), **control.environment(running)}
    del known["ORCHESTRATOR_GITLAB_TOKEN"]
    site = Site(running, folder, known)
    site.aws("ssm").put_parameter(Name=f"/gitlab/trigger/{name}", Value=token, Type="SecureString")
    folder.mkdir()
    site.git("init", "--quiet", "--initial-branch", "main")
    text = CONFIGURATION.format(name=name, region=REGION, url=running.gitlab_url, project=project.id)
    ignored = ".orchestrator/\ndist/\n*.zip\n*.json\n"
    files = {"orchestrator.yml": text, "src/handler.py": HANDLER, ".gitignore": ignored}
    site.commit({**files, ".gitlab-ci.yml": _PIPELINE})
    address = running.gitlab_url.replace("://", f"://oauth2:{running.gitlab_token}@")
    site.git("remote", "add", "origin", f"{address}/{project.path_with_namespace}.git")
    site.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    return site


@pytest.fixture(scope="module")
def site(stand_in: Running, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return a project to which prebuild has been applied, and of which nothing was built yet."""
    made = open_site(stand_in, tmp_path_factory.mktemp("site") / "checkout", f"shop-{uuid.uuid4().hex[:6]}")
    outcome = made.call("prebuild")
    assert outcome.returncode == 0, outcome.stderr
    return made


@dataclass(frozen=True)
class Built:
    """What `build --wait` has shown, and the builds that it has run, by package."""

    site: Site
    exit_code: int
    text: str
    raw: bytes
    colours: set[str]
    ids: dict[str, str]


@pytest.fixture(scope="module")
def built(site: Site) -> Built:
    """Build both packages at a terminal, and wait for them."""
    with site.open("build", "--wait", "--output", "dist", columns=120) as screen:
        code = screen.ended()
        shown = screen.text(), screen.raw, screen.colours()
    listed = json.loads((site.folder / ".orchestrator" / "builds.json").read_text())["builds"]
    return Built(site, code, *shown, {one["package"]: one["build_id"] for one in listed})
