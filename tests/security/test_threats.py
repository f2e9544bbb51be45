"""Negative tests of the threat model that have no other home: each is an attack that must not work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from world import make

from orchestrator import resources
from orchestrator.cli.main import cli
from orchestrator.config.load import parse
from orchestrator.effects.git import GitCheckout
from orchestrator.effects.infrastructure import TerraformInfrastructure
from orchestrator.effects.process import child_environment
from orchestrator.effects.zipapp import build_zipapp
from orchestrator.errors import ConfigurationError, OrchestratorError, Refused
from orchestrator.packaging.inside.clone import _GIT
from orchestrator.plan.model import RenderedRoot
from orchestrator.stages.earlier import Wish

SMUGGLED = "prod/db,type=SECRETS_MANAGER"
SMALL = "project: demo\nregion: eu-central-1\npackages:\n  parser: {source: src}\n"
# T2: what anybody who may start a build could set, and what it would do.
LOADING = ("LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "PROMPT_COMMAND", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME")
SECRETS = {
    "CI_JOB_TOKEN": "canary-token-1",
    "NPM_TOKEN": "canary-token-2",
    "SSH_PRIVATE_KEY": "canary-token-3",
    "PIP_INDEX_URL": "https://u:canary-token-4@host/",
    "AWS_SECRET_ACCESS_KEY": "canary-token-5",
}


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("parser:", f'"{SMUGGLED}":'),
        SMALL.replace("project: demo", f'project: "{SMUGGLED}"'),
        SMALL.replace("source: src", f'source: src, environment: {{"{SMUGGLED}": x}}'),
        SMALL.replace("source: src", "source: src, environment: {ORCHESTRATOR_REF: x}"),
        SMALL.replace("source: src", "source: src, environment: {AWS_ENDPOINT_URL: x}"),
        SMALL.replace("source: src", "source: src, environment: {A: {value: x, type: SECRETS_MANAGER}}"),
    ],
)
def test_no_name_and_no_setting_becomes_a_typed_variable(text: str) -> None:
    """T1, T2: the shorthand of the AWS CLI names no package, project or variable; reserved names stay ours."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "orchestrator.yml", {"CI_PROJECT_ID": "7"})
    assert caught.value.exit_code == 2


def test_a_value_that_smuggles_a_type_stays_a_value() -> None:
    """T2: as the value of a variable of a package it is text in one JSON object, and no variable of the build."""
    text = SMALL.replace("source: src", f'source: src, environment: {{A: "{SMUGGLED}"}}')
    (package,) = make(text).builds
    assert package.environment == {"A": SMUGGLED}


def test_the_names_that_are_sent_with_a_build_are_a_closed_list() -> None:
    """T2: StartBuild gets these five variables, whatever the ref, the commit or the pipeline are called."""
    wish = Wish(SMUGGLED, commit="a" * 40, ref=SMUGGLED, pipeline_id=SMUGGLED, snapshot_sha256=SMUGGLED)
    assert set(wish.variables) == {
        "ORCHESTRATOR_COMMIT_SHA",
        "ORCHESTRATOR_REF",
        "ORCHESTRATOR_SNAPSHOT_SHA256",
        "ORCHESTRATOR_PIPELINE_ID",
        "ORCHESTRATOR_MARKER",
    }


def test_variables_that_load_code_do_not_reach_the_program_of_a_build(tmp_path: Path) -> None:
    """T2: the buildspec drops what bash and the loader obey, and its Python is isolated from every PYTHON* variable."""
    text = (resources.folder("buildspecs") / "python.yml.j2").read_text(encoding="utf-8")
    commands = re.findall(r"- (.*python3.*)", text)
    assert len(commands) >= 7
    assert all('python3 -I "$ORCHESTRATOR_TOOL"' in command for command in commands)
    first = next(line.strip("- ") for line in text.partition("commands:")[2].splitlines() if line.strip()[:1] == "-")
    (tmp_path / "sitecustomize.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (tmp_path / "orchestrator.pyz").write_bytes(build_zipapp().content)
    # What the loader and bash have obeyed before the first command cannot be undone by it; what they start can.
    hostile = {name: str(tmp_path) for name in LOADING if not name.startswith("LD_") and name != "BASH_ENV"}
    script = f"{first}\nenv\nexport PYTHONPATH={tmp_path}\n{sys.executable} -I orchestrator.pyz"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **hostile},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "usage:" in done.stderr) == (2, True), done.stderr
    assert not [name for name in hostile if f"\n{name}=" in done.stdout]
    assert set(LOADING) <= set(first.split())
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("url", ["ext::sh -c 'touch ran'", "file:///etc"])
def test_git_in_a_build_speaks_to_servers_only(tmp_path: Path, url: str) -> None:
    """T18: a remote that is a command or a path of the machine is no remote."""
    done = subprocess.run([*_GIT, "ls-remote", url], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "not allowed" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_git_brings_no_submodule_and_runs_no_filter_of_a_commit(tmp_path: Path) -> None:
    """T18: a snapshot of a commit with `.gitmodules` and `.gitattributes` is its own files, and starts nothing."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for folder in (inner, outer):
        folder.mkdir()
        _git(folder, "init", "-q", "-b", "main")
        (folder / "file").write_text(folder.name)
        _git(folder, "add", "-A")
        _git(folder, "commit", "-q", "-m", "first")
    _git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "inner")
    (outer / ".gitattributes").write_text("* filter=evil export-subst\n")
    _git(outer, "add", "-A")
    _git(outer, "commit", "-q", "-m", "second")
    checkout = GitCheckout(outer, dict(os.environ))
    commit = checkout.commit("HEAD")
    checkout.snapshot(commit.sha, tmp_path / "snapshot.tar.gz")
    listed = subprocess.run(["tar", "tzf", tmp_path / "snapshot.tar.gz"], capture_output=True, text=True, check=True)
    assert "inner/file" not in listed.stdout
    assert "file" in listed.stdout.split()


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


OVERRIDDEN = {
    "ARTIFACT_KEY": "artifacts/other/package.zip",
    "CI_COMMIT_BRANCH": "../../other",
    "CI_COMMIT_REF_SLUG": "other",
    "ORCHESTRATOR_BUCKET": "other-bucket",
    "ORCHESTRATOR_COMMIT_SHA": "b" * 40,
    "ORCHESTRATOR_PREFIX": "../other",
    "ORCHESTRATOR_SETTINGS": "{}",
    "ORCHESTRATOR_TOOL_SHA256": "c" * 64,
    "TF_VAR_bucket": "other-bucket",
}


def test_overridden_variables_change_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T6: what a trigger may set beside the build id changes neither the plan nor what is applied."""
    (tmp_path / "orchestrator.yml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI_PROJECT_ID", "7")
    honest = CliRunner().invoke(cli, ["plan", "--json"])
    for name, value in OVERRIDDEN.items():
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(cli, ["plan", "--json"]).output == honest.output
    assert json.loads(honest.output)["project"] == "demo"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("CI_COMMIT_REF_NAME", "../../other", 5),
        ("CI_COMMIT_REF_NAME", SMUGGLED, 5),
        ("CI_COMMIT_TAG", "x$(id)", 5),
        ("CI_DEFAULT_BRANCH", "-x", 5),
        ("CI_COMMIT_SHA", "main", 2),
        ("CI_PROJECT_PATH", "group/../other", 2),
        ("CI_PROJECT_ID", "7/../8", 2),
        ("CI_API_V4_URL", "https://user:pass@evil.example/api", 2),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "8", 5),
    ],
)
def test_an_overridden_predefined_variable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: int
) -> None:
    """T4, T6: the door names a predefined variable that is not what GitLab gives, before anybody is asked."""
    (tmp_path / "orchestrator.yml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI_PROJECT_ID", "7")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    for command in (
        ["prebuild"],
        ["build"],
        ["postbuild", "--build-id", f"demo-parser:{'0' * 8}-{'-'.join(['0' * 4] * 3)}-{'0' * 12}"],
    ):
        outcome = CliRunner().invoke(cli, command)
        assert isinstance(outcome.exception, OrchestratorError)
        assert outcome.exception.exit_code == code, str(outcome.exception)


@pytest.mark.parametrize("command", [["postbuild", "--build-id", "demo-parser:0"], ["deploy", "--environment", "test"]])
@pytest.mark.parametrize("job", [{"GITLAB_CI": "true"}, {"GITLAB_CI": ""}, {"CI_JOB_TOKEN": ""}], ids=str)
@pytest.mark.parametrize("name", ["CI_PIPELINE_ID", "CI_COMMIT_REF_NAME"])
def test_an_emptied_predefined_variable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, job: dict[str, str], command: list[str]
) -> None:
    """T6, T9: no trigger makes a job a terminal, where a package is bound to no pipeline and no ref."""
    (tmp_path / "orchestrator.yml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    for one in ("GITLAB_CI", "CI_JOB_TOKEN"):
        monkeypatch.delenv(one, raising=False)
    told = {"CI_PROJECT_ID": "7", "CI_PIPELINE_ID": "8", "CI_COMMIT_REF_NAME": "main", **job, name: ""}
    for one, value in told.items():
        monkeypatch.setenv(one, value)
    outcome = CliRunner().invoke(cli, command)
    assert isinstance(outcome.exception, Refused)
    assert name in outcome.exception.what


@pytest.mark.parametrize("name", ["codebuild.yml", "plain.gitlab-ci.yml"])
def test_no_job_of_ours_runs_for_a_merge_request_or_starts_a_build_from_a_trigger(name: str) -> None:
    """T4, T22: prebuild and build end their rules for merge requests and for pipelines that a build has started."""
    text = (resources.folder("templates") / name).read_text(encoding="utf-8").rpartition("\n---\n")[2]
    jobs = yaml.safe_load(re.sub(r"\$\[\[ inputs\.(\w+)_job \]\]", r"\1", text))
    for job in ("prebuild", "build"):
        never = " ".join(rule["if"] for rule in jobs[job]["rules"] if rule.get("when") == "never")
        for source in ("trigger", "pipeline", "merge_request_event"):
            assert f'"{source}"' in never
    home, never, waits = jobs["postbuild"]["rules"]
    assert "$ORCHESTRATOR_BUILD_ID" in home["if"]
    assert waits["if"].endswith('== "wait"')
    assert all(f'$CI_PIPELINE_SOURCE != "{source}"' in waits["if"] for source in ("trigger", "pipeline"))
    # The branches of onboard and offboard get no role, so no job of ours is in their pipelines.
    assert never["when"] == "never"
    assert all(never in jobs[job]["rules"] for job in ("prebuild", "build"))
    scripts = [line for job in jobs.values() for part in ("script", "after_script") for line in job.get(part, [])]
    # Nothing of a variable becomes a word of a shell: the one that is used is quoted.
    assert not [line for line in scripts if re.search(r'(?<!")\$(?!\[\[)', line)], scripts


@pytest.mark.parametrize(
    ("needed", "left"),
    [((), set()), (("AWS_",), {"AWS_SECRET_ACCESS_KEY"}), (("CI_JOB_TOKEN",), {"CI_JOB_TOKEN"})],
)
def test_a_child_gets_no_secret_that_is_not_for_it(needed: tuple[str, ...], left: set[str]) -> None:
    """T14: variables that hold secrets, by name or as a login in a URL, reach only a program that needs them."""
    got = child_environment({**SECRETS, "PATH": "/bin", "AWS_REGION": "x"}, needed)
    assert got.keys() == {"PATH", "AWS_REGION", *left}


ASKING = """#!/bin/sh
[ "$1" = version ] && { echo 'Terraform v1.11.4'; exit 0; }
env > "$SEEN"
exit 1
"""


def test_terraform_gets_what_it_needs_and_no_variable_of_a_trigger(tmp_path: Path) -> None:
    """T6, T14, T15: no TF_VAR_*, no TF_CLI_ARGS and no token of the job but the one for the state and those for AWS."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "terraform").write_text(ASKING)
    (tmp_path / "bin" / "terraform").chmod(0o755)
    hostile = {"TF_VAR_bucket": "other", "TF_CLI_ARGS_apply": "-auto-approve", "TF_TOKEN_example_com": "canary-token-6"}
    environment = {
        **SECRETS,
        **hostile,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SEEN": str(tmp_path / "seen"),
    }
    said: list[str] = []
    with pytest.raises(OrchestratorError):
        TerraformInfrastructure(tmp_path / "work" / "terraform", environment, said.append).apply(
            RenderedRoot(files={"main.tf": ""}, settings_digest="d", state=make().state)
        )
    seen = (tmp_path / "seen").read_text()
    assert sorted(re.findall(r"canary-token-[0-9]", seen)) == ["canary-token-5", "canary-token-6"]
    assert "TF_VAR_" not in seen
    assert "TF_CLI_ARGS" not in seen
