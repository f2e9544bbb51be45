"""`dismantle` and `undeploy` at their door, with a Terraform that notes what it is told to do."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

CONFIGURATION = """
project: demo
region: eu-central-1
gitlab: {project: 7}
terraform: {state: s3, bucket: states}
packages:
  parser: {source: src}
"""
GONE = [
    {
        "@message": "",
        "type": "planned_change",
        "change": {"action": "delete", "resource": {"addr": "module.parser.aws_iam_role.this"}},
    },
    {"@message": "", "type": "change_summary", "changes": {"add": 0, "change": 0, "remove": 1, "operation": "plan"}},
]
# Terraform as far as this needs it: a destroy plan with one change, whose file must still be there when it is applied.
TERRAFORM = """#!/bin/sh
[ "$1" = version ] && { echo 'Terraform v1.11.4'; exit 0; }
echo "$@" >> "$SEEN"
[ "$1" = init ] && cp backend.tfbackend.json "$SEEN.backend"
for argument in "$@"; do case "$argument" in -out=*) echo x > "${argument#-out=}";; esac; last=$argument; done
[ "$1" = output ] && echo '{}'
[ "$1" = plan ] && { cat "$SEEN.plan"; exit 2; }
[ "$1" = apply ] && { [ -f "$last" ] || exit 1; }
exit 0
"""
COMMANDS = {"dismantle": ["dismantle"], "undeploy": ["undeploy", "--environment", "test"]}


class Site:
    """A repository that was built and deployed once, and a terminal in it."""

    def __init__(self, top: Path) -> None:
        self.folder, self._seen = top / "repository", top / "seen"
        (self.folder / "src").mkdir(parents=True)
        (self.folder / "terraform").mkdir()
        (self.folder / "terraform" / "main.tf").write_text('variable "packages" {}\n')
        (self.folder / "orchestrator.yml").write_text(CONFIGURATION)
        (top / "seen.plan").write_text("".join(f"{json.dumps(line)}\n" for line in GONE))
        self._seen.touch()
        program = top / "bin" / "terraform"
        program.parent.mkdir()
        program.write_text(TERRAFORM)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (top / "mirror").mkdir()
        self._environment = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HOME": str(top),
            "SEEN": str(self._seen),
            "ORCHESTRATOR_PROVIDER_MIRROR": str(top / "mirror"),
        }
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit()

    def git(self, *arguments: str) -> None:
        """Run git with an identity."""
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True)

    def commit(self) -> None:
        """Commit all that is there."""
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")

    def run(self, *arguments: str, answer: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command; `answer` is typed at a terminal, without one there is none."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answer.encode())
            return subprocess.run(
                [sys.executable, "-m", "orchestrator", *arguments],
                cwd=self.folder,
                env={**self._environment, **environment},
                stdin=theirs if answer else subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        finally:
            os.close(ours)
            os.close(theirs)

    @property
    def told(self) -> list[str]:
        """The commands that Terraform was given, without their options."""
        return [line.split()[0] for line in self._seen.read_text().splitlines()]

    @property
    def state(self) -> str:
        """The key of the state that Terraform has worked on."""
        return str(json.loads(Path(f"{self._seen}.backend").read_text())["key"])

    @property
    def plan(self) -> str:
        """The whole line of the last plan."""
        return next(line for line in reversed(self._seen.read_text().splitlines()) if line.startswith("plan"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a repository."""
    return Site(tmp_path)


@pytest.mark.parametrize(
    ("command", "state"), [("dismantle", "demo/terraform.tfstate"), ("undeploy", "demo/terraform-test.tfstate")]
)
@pytest.mark.parametrize("how", [{"answer": "y\n"}, {"yes": "--yes"}], ids=["a yes", "--yes"])
def test_what_was_seen_goes_and_nothing_else(site: Site, command: str, state: str, how: dict[str, str]) -> None:
    """The end of everything in one state is planned, shown, and done as planned; no plan is left, and the state is."""
    flags = [how["yes"]] if "yes" in how else []
    outcome = site.run(*COMMANDS[command], *flags, answer=how.get("answer", ""))
    assert outcome.returncode == 0, outcome.stderr
    assert site.told[-3:] == ["init", "plan", "apply"]
    assert "-destroy" in site.plan
    assert "-target" not in site.plan
    assert site.state == state
    for words in ("plan: 1 to delete", "delete module.parser.aws_iam_role.this", "the state stays, empty"):
        assert words in outcome.stderr
    assert outcome.stdout == ""
    assert not list(site.folder.rglob("terraform.plan"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("answer", "code", "words"), [("n\n", 4, "nothing was taken away"), ("", 2, "--yes`, once somebody has read it")]
)
def test_without_a_yes_nothing_goes(site: Site, command: str, answer: str, code: int, words: str) -> None:
    """A no, or nobody who could answer: the plan was shown, and that was all."""
    outcome = site.run(*COMMANDS[command], answer=answer)
    assert outcome.returncode == code, outcome.stderr
    assert words in outcome.stderr
    assert "delete module.parser.aws_iam_role.this" in outcome.stderr
    assert "apply" not in site.told
    assert not list(site.folder.rglob("terraform.plan"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_fork_takes_nothing_away(site: Site, command: str) -> None:
    """The merge request of a fork ends with 5 before Terraform is run."""
    fork = {"CI_MERGE_REQUEST_PROJECT_ID": "7", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8", "CI_COMMIT_REF_NAME": "main"}
    outcome = site.run(*COMMANDS[command], "--yes", **fork)
    assert outcome.returncode == 5, outcome.stderr
    assert site.told == []


def test_no_commit_brings_the_program_that_dismantles(site: Site) -> None:
    """Terraform would run the providers that lie in its folder, so none may be committed there."""
    provider = site.folder / ".orchestrator" / "terraform" / ".terraform" / "providers" / "x"
    provider.parent.mkdir(parents=True)
    provider.write_text("owned")
    site.commit()
    outcome = site.run("dismantle", "--yes")
    assert (outcome.returncode, "git rm" in outcome.stderr) == (5, True), outcome.stderr
    assert site.told == []


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ({}, "there is nothing to deploy with"),
        ({"main.tf": 'terraform {\nbackend "s3" {}\n}'}, "backend of its own"),
    ],
    ids=["no root", "another state"],
)
def test_a_root_that_deployed_nothing_is_not_destroyed(site: Site, root: dict[str, str], words: str) -> None:
    """Without a root, or with one whose state is elsewhere, there is nothing of ours to take away."""
    (site.folder / "terraform" / "main.tf").unlink()
    for name, text in root.items():
        (site.folder / "terraform" / name).write_text(text)
    outcome = site.run("undeploy", "--environment", "test", "--yes")
    assert (outcome.returncode, words in outcome.stderr) == (2, True), outcome.stderr
    assert site.told == []


@pytest.mark.parametrize("name", ["", "../production"])
def test_an_environment_has_a_name(site: Site, name: str) -> None:
    """A word that is no name of an alias never becomes part of a state's key."""
    outcome = site.run("undeploy", "--environment", name, "--yes")
    assert outcome.returncode == 2, outcome.stderr
    assert site.told == []
