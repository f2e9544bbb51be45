"""Fills a fresh emulator with what a team would have: a project, the component, and a trigger token in SSM."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3
import gitlab
import yaml

from orchestrator.emulator import control
from orchestrator.emulator.control import Running
from orchestrator.errors import MachineryError

COMPONENT_PROJECT = "platform/codebuild-orchestrator"
_LEFT_OUT = shutil.ignore_patterns(".git", ".orchestrator", "__pycache__")


@dataclass(frozen=True)
class Seeded:
    """A project of the emulated GitLab whose first push has happened."""

    project_id: int
    path: str
    web_url: str
    commit: str


def seed(
    running: Running,
    example: Path,
    templates: Path,
    *,
    architecture: str | None,
    workspace: Path,
    runtime: str | None = None,
) -> Seeded:
    """Create and push the example, and the project that holds the component it includes.

    `architecture` and `runtime` replace what the example's packages say. The push starts the first pipeline.
    """
    _push(running, COMPONENT_PROJECT, workspace / "component", {"templates": templates})
    tree = workspace / example.name
    shutil.copytree(example, tree, ignore=_LEFT_OUT)
    chosen = {"architecture": architecture, "runtime": runtime}
    _choose(tree / "orchestrator.yml", {key: word for key, word in chosen.items() if word})
    path = f"demo/{example.name}"
    project = _create(running, path)
    _store_trigger_token(running, project, _name_of(tree / "orchestrator.yml"))
    # The commit status needs a token that the job token is not.
    project.variables.create(
        {"key": "ORCHESTRATOR_GITLAB_TOKEN", "value": running.gitlab_token, "masked": True, "protected": False}
    )
    commit = _commit_and_push(running, path, tree)
    return Seeded(project.id, path, project.web_url, commit)


def _push(running: Running, path: str, tree: Path, folders: Mapping[str, Path]) -> None:
    for name, folder in folders.items():
        shutil.copytree(folder, tree / name, ignore=_LEFT_OUT)
    _create(running, path)
    _commit_and_push(running, path, tree)


def _create(running: Running, path: str) -> gitlab.v4.objects.Project:
    connection = gitlab.Gitlab(running.gitlab_url, private_token=running.gitlab_token, timeout=20)
    group, _, name = path.rpartition("/")
    # A project of a group needs the group's id, as on GitLab.
    known = [item for item in connection.groups.list(search=group, get_all=True) if item.full_path == group]
    namespace = known[0] if known else connection.groups.create({"name": group, "path": group})
    created = connection.projects.create({"name": name, "path": name, "namespace_id": namespace.id})
    return connection.projects.get(created.id)


def _store_trigger_token(running: Running, project: gitlab.v4.objects.Project, name: str) -> None:
    trigger = project.triggers.create({"description": "CodeBuild brings its packages home"})
    environment = control.environment(running)
    session = boto3.session.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=running.region,
    )
    session.client("ssm", endpoint_url=running.aws_url).put_parameter(
        Name=f"/gitlab/trigger/{name}", Value=trigger.token, Type="SecureString", Overwrite=True
    )


def _name_of(configuration: Path) -> str:
    return str(yaml.safe_load(configuration.read_text(encoding="utf-8"))["project"])


def _choose(configuration: Path, words: Mapping[str, str]) -> None:
    """Write the words into every package; the file stays as it is if there are none."""
    if not words:
        return
    document = yaml.safe_load(configuration.read_text(encoding="utf-8"))
    for package in document["packages"].values():
        package.update(words)
    configuration.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _commit_and_push(running: Running, path: str, tree: Path) -> str:
    login = base64.b64encode(f"oauth2:{running.gitlab_token}".encode()).decode()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(tree),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "orchestrator demo",
        "GIT_AUTHOR_EMAIL": "demo@example.com",
        "GIT_COMMITTER_NAME": "orchestrator demo",
        "GIT_COMMITTER_EMAIL": "demo@example.com",
        # The token travels in the environment: argv and .git/config are open to others.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
    }

    def git(*arguments: str) -> str:
        outcome = subprocess.run(
            ["git", *arguments],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if outcome.returncode != 0:
            raise MachineryError(
                f"`git {arguments[0]}` failed", detail=outcome.stderr.strip(), hint="is git installed?"
            )
        return outcome.stdout.strip()

    if not (tree / ".git").exists():
        git("init", "--quiet", "--initial-branch", "main")
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", f"State of {tree.name}")
    git("push", "--quiet", f"{running.gitlab_url}/{path}.git", "HEAD:refs/heads/main")
    return git("rev-parse", "HEAD")
