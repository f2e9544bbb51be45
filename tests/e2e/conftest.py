"""One emulator for the tests of the whole loop, and projects to send through it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import gitlab
import pytest
from shared_provider import shared_provider

from orchestrator import resources
from orchestrator.effects.terraform import find_terraform, provider_environment
from orchestrator.emulator import control
from orchestrator.emulator.control import Running

KEPT = (
    "GOGC",
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


@pytest.fixture(scope="session")
def provider(emulator: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the variable with which the commands of all shops share one AWS provider.

    How Terraform gets and starts its own is seen where nothing is shared: by the demo, the first day, the platform,
    the crashes of prebuild, the return by events and the jobs that run elsewhere.
    """
    folder = tmp_path_factory.mktemp("provider")
    shutil.copy(resources.folder("terraform") / "versions.tf", folder)
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment = provider_environment({**environment, "HOME": str(folder), **control.environment(emulator)}, folder)
    subprocess.run(
        [*find_terraform(environment).argv, "init", "-input=false"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    with shared_provider(folder, environment) as variables:
        yield variables


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

    def commit(self, files: dict[str, str], message: str = "change") -> str:
        """Write files, commit them and push; return the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
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

    def store_token(self, token: str) -> None:
        """Store the trigger token where the build fetches it."""
        self.aws("ssm").put_parameter(
            Name=f"/gitlab/trigger/{self.name}", Value=token, Type="SecureString", Overwrite=True
        )

    def files(self) -> dict[str, str]:
        """Return the files of the project."""
        return {
            ".gitignore": ".orchestrator/\npackage.zip\nmanifest.json\nsbom.cdx.json\nprovenance.json\ndist/\n",
            ".gitlab-ci.yml": HOME_JOB,
            "src/handler.py": "def handler(event, context):\n    return 1\n",
            "orchestrator.yml": f"project: {self.name}\nregion: {self.running.region}\n"
            f"gitlab: {{project: {self.project.id}}}\n"
            "packages:\n  parser:\n    source: src\n    build: {timeout_minutes: 5}\n",
        }

    @property
    def bucket(self) -> str:
        """The bucket that prebuild has made."""
        prebuilt = json.loads((self.folder / ".orchestrator" / "prebuild.json").read_text())
        return str(prebuilt["bucket"])

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        found = self.aws("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def delete_objects(self, prefix: str) -> None:
        """Delete what is below a prefix."""
        for key in self.keys(prefix):
            self.aws("s3").delete_object(Bucket=self.bucket, Key=key)

    def build_id(self) -> str:
        """Return the build that `orchestrator build` has started last."""
        text = (self.folder / ".orchestrator" / "build.env").read_text()
        return dict(line.split("=", 1) for line in text.splitlines())["ORCHESTRATOR_BUILD_ID"]


def open_shop(emulator: Running, tmp_path: Path, name: str, provider: Mapping[str, str] | None = None) -> Shop:
    """Return a fresh project whose trigger token is stored, and nothing else yet.

    With `provider` its commands and its jobs share that one; they run one after the other.
    """
    provider = provider or {}
    connection = gitlab.Gitlab(emulator.gitlab_url, private_token=emulator.gitlab_token)
    project = connection.projects.get(connection.projects.create({"name": name, "path": name}).id)
    token = project.triggers.create({"description": "test"}).token
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": str(tmp_path), **control.environment(emulator), **provider}
    for key, value in provider.items():
        project.variables.create({"key": key, "value": value, "raw": True})
    folder = tmp_path / "checkout"
    folder.mkdir()
    made = Shop(emulator, folder, name, project, token, environment)
    made.store_token(token)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit(made.files())
    return made


@pytest.fixture
def shop(emulator: Running, provider: dict[str, str], tmp_path: Path) -> Shop:
    """Return a project to which nothing has been applied."""
    return open_shop(emulator, tmp_path, f"shop-{uuid.uuid4().hex[:8]}", provider)


@pytest.fixture
def alone(emulator: Running, tmp_path: Path) -> Shop:
    """Return such a project whose Terraform starts its own provider, which then finds files where Terraform runs."""
    return open_shop(emulator, tmp_path, f"shop-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def applied(emulator: Running, provider: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Return a project to which prebuild has been applied once, by Terraform."""
    made = open_shop(emulator, tmp_path_factory.mktemp("applied"), f"shop-{uuid.uuid4().hex[:8]}", provider)
    outcome = made.orchestrator("prebuild")
    assert outcome.returncode == 0, outcome.stderr
    assert "to create" in outcome.stderr
    return made


@pytest.fixture
def ready(applied: Shop) -> Shop:
    """Return that project on a commit of its own, with whatever the last test has spoiled mended by prebuild."""
    applied.store_token(applied.token)
    applied.delete_objects("tools/")
    for name in ("package.zip", "src/requirements.txt"):
        (applied.folder / name).unlink(missing_ok=True)
    applied.commit({**applied.files(), "commit.txt": uuid.uuid4().hex})
    outcome = applied.orchestrator("prebuild")
    assert outcome.returncode == 0, outcome.stderr
    return applied
