"""Projects of an emulated GitLab, their checkouts, and a platform in the emulated AWS: all reached over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gitlab
import pytest

from orchestrator import resources
from orchestrator.cli import wire_onboarding
from orchestrator.cli.wire_onboarding import onboarding, packages_of
from orchestrator.effects import aws
from orchestrator.emulator import control
from orchestrator.emulator.control import Running
from orchestrator.emulator.injection.rules import parse
from orchestrator.emulator.server import ACCOUNT_ID, Emulator
from orchestrator.onboarding.look import Wanted, World
from orchestrator.onboarding.offboard import offboard
from orchestrator.onboarding.onboard import Outcome, onboard
from orchestrator.patience import Patience
from orchestrator.platform_outputs import VERSION, platform_names, project_names

REGION = "eu-central-1"
ADDRESS = "$CI_SERVER_FQDN/platform/codebuild-orchestrator/codebuild@main"
CONFIGURATION = """\
# what is built
project: {name}
region: eu-central-1
packages:
  parser:
    source: src
gitlab: {{url: '{url}', project: {path}}}
"""
_numbers = itertools.count(1)


@dataclass
class Stage:
    """The emulator in this process."""

    running: Running
    emulator: Emulator
    environment: dict[str, str]

    def client(self, token: str = "") -> gitlab.Gitlab:
        return gitlab.Gitlab(self.running.gitlab_url, private_token=token or self.running.gitlab_token)

    @property
    def ssm(self) -> Any:
        return aws.client("ssm", REGION)

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.emulator._faults.use(parse({"rules": list(rules)}, lambda _: None) if rules else ())

    def journal(self) -> list[Any]:
        return list(self.emulator._faults.told()["journal"])

    def user(self) -> tuple[Any, str]:
        """Make a user with a token of the scope `api`; return both."""
        name = f"user{next(_numbers)}"
        about = {"username": name, "email": f"{name}@example.com", "name": name, "password": "x" * 12}
        made = self.client().users.create(about)
        wanted = {"name": "t", "scopes": ["api"]}
        token = self.client().http_post(f"/users/{made.id}/personal_access_tokens", post_data=wanted)
        return made, str(token["token"])


@dataclass
class Site:
    """One project: its checkout, and who works on it."""

    stage: Stage
    api: Any
    folder: Path
    name: str
    token: str = ""
    told: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "orchestrator.yml"

    @property
    def parameter(self) -> str:
        return f"/gitlab/trigger/{self.name}"

    def by(self, token: str) -> Site:
        """Return the same project as somebody else sees it."""
        return replace(self, token=token, told=[])

    def wire(self, **options: Any) -> tuple[Wanted, World]:
        token = self.token or self.stage.running.gitlab_token
        environment = {**self.stage.environment, "ORCHESTRATOR_GITLAB_TOKEN": token, **options.pop("environment", {})}
        component, days = options.pop("component", ADDRESS), options.pop("token_days", 0)
        wanted, world = onboarding(self.config, environment, component=component, token_days=days)
        return wanted, replace(world, narrate=self.told.append, pause=lambda: None)

    def onboard(self, *, rotate: bool = False, dry_run: bool = False, **options: Any) -> Outcome:
        wanted, world = self.wire(**options)
        return onboard(wanted, world, rotate=rotate, dry_run=dry_run)

    def offboard(self, *, packages: bool = False, dry_run: bool = False) -> Outcome:
        wanted, world = self.wire()
        artifacts = packages_of(wanted, self.config, self.stage.environment) if packages else None
        return offboard(wanted, world, artifacts=artifacts, dry_run=dry_run)

    def described(self) -> Any:
        filters = [{"Key": "Name", "Option": "Equals", "Values": [self.parameter]}]
        return next(iter(self.stage.ssm.describe_parameters(ParameterFilters=filters)["Parameters"]), None)

    def value(self) -> str:
        return str(self.stage.ssm.get_parameter(Name=self.parameter, WithDecryption=True)["Parameter"]["Value"])

    def triggers(self) -> list[Any]:
        return list(self.api.triggers.list(get_all=True))

    def variables(self) -> dict[str, Any]:
        return {item.key: item for item in self.api.variables.list(get_all=True)}

    def requests(self, state: str = "opened") -> list[Any]:
        return list(self.api.mergerequests.list(state=state, get_all=True))

    def text(self, path: str, ref: str = "main") -> str:
        return str(self.api.files.get(path, ref=ref).decode().decode())

    def push(self, files: Mapping[str, str], branch: str = "main") -> None:
        known = {item["path"] for item in self.api.repository_tree(recursive=True, ref="main", get_all=True)}
        actions = [{"action": "update" if path in known else "create", "file_path": path, "content": text}
                   for path, text in files.items()]  # fmt: skip
        self.api.commits.create({"branch": branch, "commit_message": "x", "actions": actions})

    def merge(self) -> None:
        (request,) = self.requests()
        request.merge()

    def everything(self) -> Any:
        """Return all that a run can change, so that two moments can be compared."""
        described = self.described()
        return (
            [(item.id, item.description) for item in self.triggers()],
            described and (described["Version"], described.get("Description"), described["Type"]),
            sorted((item.key, item.value, item.protected, item.masked) for item in self.variables().values()),
            [(item.iid, item.state, item.title) for item in self.requests("all")],
            sorted((item.name, item.commit["id"]) for item in self.api.branches.list(get_all=True)),
            self.config.read_text(),
        )


@pytest.fixture(scope="session")
def _emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Emulator]]:
    directory = tmp_path_factory.mktemp("onboarding")
    emulator = Emulator(directory, region=REGION)
    running = Running(directory=directory, **emulator.start())
    connection = gitlab.Gitlab(running.gitlab_url, private_token=running.gitlab_token)
    about = {"name": "codebuild-orchestrator", "namespace_id": "platform", "visibility": "internal"}
    made = connection.projects.create(about)
    templates = [resources.folder("templates") / f"{name}.yml" for name in ("codebuild", "deploy")]
    actions = [{"action": "create", "file_path": f"templates/{path.name}", "content": path.read_text("utf-8")}
               for path in templates]  # fmt: skip
    connection.projects.get(made.id).commits.create({"branch": "main", "commit_message": "x", "actions": actions})
    yield running, emulator
    emulator.close()


@pytest.fixture
def stage(_emulator: tuple[Running, Emulator], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Point the clients of this process to the emulator."""
    running, emulator = _emulator
    environment = control.environment(running)
    for name, value in {**environment, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    aws.forget_credentials()
    monkeypatch.setattr(wire_onboarding, "_PATIENCE", Patience(sleep=lambda _: None))
    yield Stage(running, emulator, {"PATH": "/usr/bin:/bin", **environment})
    emulator._faults.use(())
    aws.forget_credentials()


@pytest.fixture
def new_site(stage: Stage, tmp_path: Path) -> Any:
    """Return a function that makes a project.

    `files` is its first commit, none for an empty repository; `root` is the Terraform of its checkout.
    """

    def make(
        files: Mapping[str, str] | None = None,
        *,
        platform: bool = True,
        deploys: bool = False,
        configuration: str = "",
        root: str = "",
    ) -> Site:
        name = f"p{next(_numbers)}"
        # Nothing runs the jobs of these pipelines: what they do is for other tests.
        made = stage.client().projects.create({"name": name, "path": name, "builds_access_level": "disabled"})
        api = stage.client().projects.get(made.id)
        folder = tmp_path / name
        folder.mkdir()
        path = api.path_with_namespace
        text = configuration or CONFIGURATION
        (folder / "orchestrator.yml").write_text(text.format(name=name, url=stage.running.gitlab_url, path=path))
        if platform:
            publish(stage, name, path, deploys=deploys)
        else:
            forget(stage)
        site = Site(stage, api, folder, name)
        if root:
            (folder / "terraform").mkdir()
            (folder / "terraform" / "main.tf").write_text(root)
        first = {"README.md": "x\n"} if files is None else files
        if first:
            actions = [{"action": "create", "file_path": key, "content": value} for key, value in first.items()]
            api.commits.create({"branch": "main", "commit_message": "first", "actions": actions})
            site.api = stage.client().projects.get(made.id)
        return site

    return make


def publish(stage: Stage, name: str, path: str, *, deploys: bool) -> None:
    """Publish what a platform offers to a project."""
    arn = f"arn:aws:iam::{ACCOUNT_ID}"
    shared = {
        "version": VERSION,
        "bucket": "shared-artifacts",
        "key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/1-2",
        "state_bucket": "shared-state",
        "oidc_provider_arn": f"{arn}:oidc-provider/gitlab",
        "gitlab_url": stage.running.gitlab_url,
        "audience": stage.running.gitlab_url,
    }
    values = {f"/orchestrator/platform/{key}": value for key, value in shared.items()}
    assert set(platform_names().values()) <= set(values)
    own = {
        "apply_arn": f"{arn}:role/orchestrator/{name}-apply",
        "start_arn": f"{arn}:role/orchestrator/{name}-start",
        "permissions_boundary_arn": f"{arn}:policy/orchestrator/{name}",
        "gitlab_project": path,
        "deploy_arn": f"{arn}:role/orchestrator/{name}-deploy",
        "functions_boundary_arn": f"{arn}:policy/orchestrator/{name}-functions",
    }
    values |= {full: own[key] for key, full in project_names(name, deploys=deploys).items()}
    known = stage.ssm.get_parameters_by_path(Path="/orchestrator/platform/", Recursive=False)["Parameters"]
    for full, value in values.items():
        if full not in {item["Name"] for item in known}:
            stage.ssm.put_parameter(Name=full, Value=value, Type="String", Overwrite=True)


def forget(stage: Stage) -> None:
    """Take the platform away."""
    page = stage.ssm.get_parameters_by_path(Path="/orchestrator/platform/", Recursive=True)
    while page["Parameters"]:
        stage.ssm.delete_parameters(Names=[item["Name"] for item in page["Parameters"]])
        page = stage.ssm.get_parameters_by_path(Path="/orchestrator/platform/", Recursive=True)
