"""What the documentation shows works: every example is parsed, planned, or understood by the program it calls."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
from pages import BLOCKS, COMMANDS, DATA, MENTIONS, PIPELINES, PLATFORMS, ROOT, SETTINGS, Block, component

from orchestrator.cli.main import cli
from orchestrator.config.load import parse, parse_file
from orchestrator.config.platform_file import PLATFORM
from orchestrator.effects.terraform import TerraformExecutable, find_terraform, provider_environment
from orchestrator.plan.make import make_plan
from orchestrator.render.text import plan_text


def _of(program: str) -> list[Any]:
    found = [(place, command) for place, command in COMMANDS if command[0] == program]
    return [pytest.param(command[1:], id=f"{place} {' '.join(command)}") for place, command in found]


def _mentions(program: str) -> list[Any]:
    found = {" ".join(command): (place, command) for place, command in MENTIONS if command[0] == program}
    return [pytest.param(command[1:], id=f"{place} {text}") for text, (place, command) in found.items()]


@pytest.fixture(scope="module")
def terraform() -> TerraformExecutable:
    """Return the Terraform of this machine."""
    return find_terraform(os.environ)


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a CI job would fill in."""
    for name in os.environ:
        if name.startswith(("ORCHESTRATOR_", "CI_", "AWS_", "GITLAB_")):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_says_what_it_is(block: Block) -> None:
    """No example escapes these tests: each names a language that one of them reads."""
    assert block.language in {"text", "sh", "yaml", "json", "hcl"}


@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_shown_configurations_can_be_planned(block: Block) -> None:
    """Every `orchestrator.yml` in the documentation is complete and right."""
    configuration = parse(block.text, "orchestrator.yml", {}, directory="example")
    plan = make_plan(configuration, base=".", read=lambda _: b"", tool_sha256="0" * 64, handback_sha256="b" * 64)
    assert {build.package for build in plan.builds} == set(yaml.safe_load(block.text)["packages"])
    assert plan.project in plan_text(plan, "0" * 64)


@pytest.mark.parametrize("block", PLATFORMS, ids=str)
def test_shown_platforms_can_be_read(block: Block) -> None:
    """Every `platform.yml` in the documentation is complete and right."""
    assert parse_file(block.text, "platform.yml", {}, PLATFORM).projects


@pytest.mark.parametrize("block", PIPELINES, ids=str)
def test_shown_pipelines_follow_gitlabs_schema(block: Block, tmp_path: Path) -> None:
    """Every piece of `.gitlab-ci.yml` in the documentation is one that GitLab takes."""
    document = yaml.safe_load(block.text)
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(document))
    outcome = CliRunner().invoke(check_jsonschema, ["--builtin-schema", "vendor.gitlab-ci", str(file)])
    assert outcome.exit_code == 0, outcome.output
    known = {*document, *component()[1]}
    needed = [need for job in document.values() if isinstance(job, dict) for need in job.get("needs", [])]
    assert {need if isinstance(need, str) else need["job"] for need in needed} <= known
    for item in document.get("include", []):
        assert set(item.get("inputs", {})) <= set(component()[0]["spec"]["inputs"])


@pytest.mark.parametrize("block", DATA, ids=str)
def test_shown_data_can_be_read(block: Block, terraform: TerraformExecutable, tmp_path: Path) -> None:
    """JSON and HCL in the documentation are whole."""
    if block.language == "json":
        json.loads(block.text)
        return
    formatted = subprocess.run(
        [*terraform.argv, "fmt", "-"], input=block.text, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (formatted.returncode, formatted.stdout) == (0, block.text), formatted.stderr


def _parsed(arguments: list[str], *, whole: bool) -> None:
    """Parse with the real command tree; a mention in a sentence (not `whole`) may leave out what is required."""
    command: click.Command = cli
    context = click.Context(cli, info_name="orchestrator")
    rest = list(arguments)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"there is no command `{name}`"
        command, context = found, click.Context(found, info_name=name, parent=context)
    if whole:
        command.make_context(command.name, rest, parent=context.parent)
        return
    options = {option for parameter in command.get_params(context) for option in parameter.opts}
    assert {word for word in rest if word.startswith("-")} <= options


@pytest.mark.usefixtures("no_variables")
@pytest.mark.parametrize("arguments", _of("orchestrator"))
def test_shown_commands_can_be_called(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `orchestrator …` of an example is one that the command line takes, in a folder as the examples have it."""
    for name in (
        "examples/lxml-function/src/x",
        "src/requirements.txt",
        "requirements.txt",
        "pylock.toml",
        "parser.zip",
        "dist/parser.zip",
        "layer.zip",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    _parsed(arguments, whole=True)


@pytest.mark.parametrize("arguments", _mentions("orchestrator"))
def test_named_commands_exist(arguments: list[str]) -> None:
    """Every `orchestrator …` in a sentence is a command with such options."""
    _parsed(arguments, whole=False)


@pytest.mark.parametrize("arguments", _of("aws"))
def test_shown_aws_commands_can_be_called(arguments: list[str], tmp_path: Path) -> None:
    """The AWS CLI understands every `aws …` of an example: it gets as far as the (missing) network."""
    assert "Could not connect to the endpoint" in _aws(arguments, tmp_path)


@pytest.mark.parametrize("arguments", _mentions("aws"))
def test_named_aws_commands_exist(arguments: list[str], tmp_path: Path) -> None:
    """Every `aws …` in a sentence is an operation of the AWS CLI; what it requires may be left out."""
    assert re.search("arguments? (is|are) required|Could not connect", _aws(arguments, tmp_path))


def _aws(arguments: list[str], folder: Path) -> str:
    """Return what the AWS CLI complains about when it is called without an AWS."""
    for word in arguments:
        if word.startswith("file://"):
            target = folder / word.removeprefix("file://")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("content")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CONFIG_FILE": os.devnull,
    }
    command = [sys.executable, "-m", "awscli", *arguments]
    outcome = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return outcome.stderr


@pytest.mark.parametrize("arguments", [*_of("terraform"), *_mentions("terraform")])
def test_shown_terraform_commands_exist(arguments: list[str], terraform: TerraformExecutable, tmp_path: Path) -> None:
    """Every `terraform …` is a command of Terraform, with options that it has."""
    words = [word for word in arguments if not word.startswith("-chdir")]
    names = [words[0], *(words[1:2] if words[0] in {"providers", "state", "workspace"} else [])]
    known = _help(terraform, names, tmp_path)
    # `apply -help` only says that it also takes the options of `plan`.
    known += _help(terraform, ["plan"], tmp_path) if words[0] in {"apply", "destroy"} else ""
    for option in (word.partition("=")[0] for word in words if word.startswith("-")):
        assert re.search(rf"^\s+{re.escape(option)}\b", known, re.MULTILINE), f"`{option}` is not an option"


def _help(terraform: TerraformExecutable, names: list[str], folder: Path) -> str:
    outcome = subprocess.run(
        [*terraform.argv, *names, "-help"],
        cwd=folder,
        env=provider_environment(os.environ, folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    text = outcome.stdout + outcome.stderr
    assert f"Usage: {terraform.flavour.lower().replace('opentofu', 'tofu')}" in text and " ".join(names) in text, text
    return text


def _two_commands() -> list[str]:
    section = (ROOT / "README.md").read_text("utf-8").split("## Two commands\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_the_readme_begins_with_two_commands() -> None:
    """One line shows the whole loop, one line runs the tests, and there is no third."""
    first, second = _two_commands()
    assert (first.count("\n"), second.count("\n")) == (1, 1)
    assert first.endswith("&& orchestrator demo\n")
    assert second.endswith("&& pytest\n")


@pytest.mark.parametrize("command", _two_commands())
@pytest.mark.parametrize("program", ["terraform", "tofu", None])
def test_the_readme_installs_terraform_only_where_there_is_none(
    command: str, program: str | None, tmp_path: Path
) -> None:
    """The extras that are asked for exist, and `terraform` is one of them exactly where it is needed."""
    if program:
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    install = command.partition(" && ")[0]
    script = f'pip() {{ printf "%s\\n" "$@"; }}; {install}'
    outcome = subprocess.run(
        ["/bin/bash", "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    (asked,) = re.findall(r"^\.\[(.*)\]$", outcome.stdout, re.MULTILINE)
    extras = asked.split(",")
    section = (ROOT / "pyproject.toml").read_text("utf-8").split("[project.optional-dependencies]")[1].split("\n[")[0]
    assert set(extras) <= set(re.findall(r"^(\w+) = \[", section, re.MULTILINE))
    assert ("terraform" in extras) == (program is None)
