"""The guide of the first day, as it stands in its page: typed at a terminal, in front of an empty AWS and GitLab."""

from __future__ import annotations

import base64
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import gitlab
import pytest
import yaml
from conftest import IDENTITY, KEPT
from test_compiled_example import runtime

from orchestrator import resources
from orchestrator.emulator import control
from orchestrator.emulator.control import Running

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "first-day.md"
SERVER = "https://gitlab.example.com"
REGION = "eu-central-1"
# The stand-in has no quotas of CodeBuild, and doctor never calls unseen what it has not seen well.
ENDS = {"orchestrator doctor": 3}
# A step of the page: something to do by hand, or a block, with the file that the line before it ends with.
STEP = re.compile(
    r"^\*\*(?P<hand>[^*\n]+)\*\*$|(?:`(?P<file>[^`\s]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PATIENCE_SECONDS = 400
ENDED = {"success", "failed", "canceled", "manual", "skipped"}


@dataclass
class Terminal:
    """A shell: what one line changes in folder and environment is there for the next one."""

    folder: Path
    environment: dict[str, str]
    token: str
    told: str = ""

    def type(self, line: str) -> None:
        """Run one line, with the token for whoever asks; keep what it says."""
        state = self.folder / ".terminal"
        start = f'. "{state}"' if state.exists() else ":"
        script = f'{start}\n{line}\ncode=$?\n{{ export -p; printf "cd %q\\n" "$PWD"; }} > "{state}"\nexit $code\n'
        outcome = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            input=f"{self.token}\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        said = outcome.stdout + outcome.stderr
        assert outcome.returncode == ENDS.get(line, 0), f"{line}\n{said[-3000:]}"
        assert self.token not in said
        self.told += said


@dataclass
class Person:
    """Does what the page asks for, and compares what it shows with what is there."""

    running: Running
    terminal: Terminal
    done: list[str] = field(default_factory=list)

    @property
    def project(self) -> Any:
        """The project `shop/feed`."""
        return self.server().projects.get("shop/feed")

    def server(self) -> gitlab.Gitlab:
        """Return the GitLab of the emulator."""
        return gitlab.Gitlab(self.running.gitlab_url, private_token=self.running.gitlab_token)

    def follow(self, page: str) -> None:
        """Take the steps of a page in their order."""
        for number, step in enumerate(STEP.finditer(page)):
            if step["hand"]:
                self.terminal.told = self.hand(step["hand"])
                self.done.append(step["hand"])
            elif step["file"]:
                self.write(step["file"], step["text"])
            elif step["language"] == "sh":
                self.type(step["text"])
            elif number:  # the first block shows what the repository holds
                self.compare(step["text"])

    def type(self, lines: str) -> None:
        """Type the lines of a block, and forget what earlier ones have said."""
        self.terminal.told = ""
        for line in lines.splitlines():
            self.terminal.type(line)
            if line == "orchestrator init --yes":
                self.adapt()

    def write(self, name: str, text: str) -> None:
        """Write a file in the folder that the terminal is in."""
        path = self.here() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def here(self) -> Path:
        """Return the folder that the terminal is in."""
        state = self.terminal.folder / ".terminal"
        found = re.findall(r"^cd (.*)$", state.read_text("utf-8"), re.MULTILINE)
        return Path(found[-1])

    def adapt(self) -> None:
        """Have the layer made for this machine's processor and Python: the stand-in compiles for no other."""
        path = self.here() / "orchestrator.yml"
        known = yaml.safe_load(path.read_text("utf-8"))
        machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
        known["packages"]["curl-layer"] |= {"architecture": machine, "runtime": runtime()}
        path.write_text(yaml.safe_dump(known, sort_keys=False), encoding="utf-8")

    def compare(self, text: str) -> None:
        """Find every line that the page shows in what was said, in any order, because two streams are one here."""
        lines = [line.rstrip() for line in self.terminal.told.replace("\r", "\n").splitlines()]
        for shown in text.splitlines():
            pattern = re.compile(re.escape(shown.rstrip()).replace("…", ".*"))
            assert any(pattern.fullmatch(line) for line in lines), f"`{shown}` is not in\n{self.terminal.told[-3000:]}"

    def hand(self, words: str) -> str:
        """Do what no command does; return what is there to read afterwards."""
        if words in ("Merge the request in GitLab.", "Merge the second request, too."):
            return self.merge()
        if words == "Wait until the jobs `test` have ended.":
            return self.trace(self.deployed("test"))
        assert words == "Press `deploy` in that pipeline.", f"nobody knows how to do that: {words}"
        job = self.deployed("deploy")
        job.play()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.project.jobs.get(job.id).status not in {"success", "failed"}:
            assert time.monotonic() < deadline, self.situation()
            time.sleep(0.3)
        return self.trace(job)

    def merge(self) -> str:
        """Merge what is open; nothing has run for its branch, which gets no role."""
        (request,) = self.project.mergerequests.list(state="opened", get_all=True)
        assert self.project.pipelines.list(ref=request.source_branch, get_all=True) == []
        request.merge()
        return ""

    def deployed(self, name: str) -> Any:
        """Wait for the pipelines of both packages; return the job of the one that has deployed them."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            home = [item for item in self.project.pipelines.list(get_all=True) if item.source == "trigger"]
            jobs = [{job.name: job for job in item.jobs.list(get_all=True)} for item in home]
            if len(home) == 2 and all(found["test"].status in ENDED for found in jobs):
                break
            assert time.monotonic() < deadline, self.situation()
            time.sleep(0.5)
        found = [self.project.jobs.get(item[name].id) for item in jobs if item["test"].status == "success"]
        assert found, self.situation()
        return found[0]

    def trace(self, job: Any) -> str:
        """Return the log of a job."""
        return str(self.project.jobs.get(job.id).trace().decode(errors="replace"))

    def situation(self) -> str:
        """Return the end of every job's log, for whoever has to find out."""
        jobs = self.project.jobs.list(get_all=True)
        return "\n".join(f"{job.name} {job.status}\n{self.trace(job)[-1500:]}" for job in jobs)


def remains(running: Running) -> dict[str, list[str]]:
    """List what is left in the account, by kind; a key that is on its way out counts as gone."""
    session: Any = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=REGION)

    def aws(service: str) -> Any:
        return session.client(service, endpoint_url=running.aws_url)

    iam, kms, functions = aws("iam"), aws("kms"), aws("lambda")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    aliases = [item["AliasName"] for item in kms.list_aliases()["Aliases"]]
    found = {
        "buckets": [item["Name"] for item in aws("s3").list_buckets()["Buckets"]],
        "parameters": [item["Name"] for item in aws("ssm").describe_parameters()["Parameters"]],
        "roles": [item["Arn"] for item in iam.list_roles()["Roles"]],
        "policies": [item["Arn"] for item in iam.list_policies(Scope="Local")["Policies"]],
        "providers": [item["Arn"] for item in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]],
        "keys": [item["Arn"] for item in keys if item["KeyManager"] == "CUSTOMER" and item["KeyState"] == "Enabled"],
        "aliases": [name for name in aliases if not name.startswith("alias/aws/")],
        "builders": aws("codebuild").list_projects()["projects"],
        "functions": [item["FunctionName"] for item in functions.list_functions()["Functions"]],
        "layers": [item["LayerName"] for item in functions.list_layers()["Layers"]],
        "logs": [item["logGroupName"] for item in aws("logs").describe_log_groups()["logGroups"]],
        "alarms": [item["AlarmName"] for item in aws("cloudwatch").describe_alarms()["MetricAlarms"]],
        "rules": [item["Name"] for item in aws("events").list_rules()["Rules"]],
    }
    return {kind: names for kind, names in found.items() if names}


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """Return somebody with the component, a repository that knows nothing of it, and an account without anything."""
    running = control.up(tmp_path / "emulator", detach=False, region=REGION)
    try:
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {"HOME": str(tmp_path), **IDENTITY, **control.environment(running)}
        del environment["ORCHESTRATOR_GITLAB_TOKEN"]  # the page reads it
        path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
        login = base64.b64encode(f"oauth2:{running.gitlab_token}".encode()).decode()
        (tmp_path / ".gitconfig").write_text(
            f'[http "{running.gitlab_url}"]\n\textraHeader = Authorization: Basic {login}\n', encoding="utf-8"
        )
        work = tmp_path / "work"
        work.mkdir()
        made = Person(running, Terminal(work, {**environment, "PATH": path}, running.gitlab_token))
        component, feed = tmp_path / "component", tmp_path / "repository"
        shutil.copytree(resources.folder("templates"), component / "templates")
        shutil.copytree(resources.folder("examples") / "lxml-function" / "src", feed / "feed")
        (feed / "curl-layer").mkdir()
        (feed / "curl-layer" / "requirements.txt").write_text("--no-binary pycurl\npycurl~=7.45\n", encoding="utf-8")
        for name, tree in (("platform/codebuild-orchestrator", component), ("shop/feed", feed)):
            publish(made, name, tree)
        yield made
    finally:
        control.down(tmp_path / "emulator")


def publish(person: Person, path: str, tree: Path) -> None:
    """Make a GitLab project with one commit."""
    group, _, name = path.partition("/")
    server = person.server()
    namespace = server.groups.create({"name": group, "path": group})
    server.projects.create({"name": name, "path": name, "namespace_id": namespace.id})
    address = f"{person.running.gitlab_url}/{path}.git"
    for words in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "Start"),
        ("push", "--quiet", address, "HEAD:refs/heads/main"),
    ):
        subprocess.run(["git", *words], cwd=tree, env=person.terminal.environment, check=True, timeout=60)


def test_the_first_day(person: Person) -> None:
    """Whoever types what the page says has a function for arm64 and a compiled layer, and in the end nothing at all."""
    url = person.running.gitlab_url
    page = PAGE.read_text("utf-8").replace(f'{{url: "{SERVER}"}}', f'{{url: "{url}", issuer: "https:@gitlab"}}')
    page = page.replace(SERVER, url).replace("https:@gitlab", SERVER)
    person.follow(page)
    assert len(person.done) == 4
    assert remains(person.running) == {}
    project = person.project
    assert project.triggers.list(get_all=True) == []
    assert project.variables.list(get_all=True) == []
    assert {item.state for item in project.mergerequests.list(get_all=True)} == {"merged"}
    assert [item.name for item in project.branches.list(get_all=True)] == ["main"]
    left = {item["path"] for item in project.repository_tree(recursive=True, get_all=True, ref="main")}
    assert "feed/handler.py" in left
