"""What programs may rely on: `--json` wherever data is printed, its schemas, help with examples, a quick start."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType

import click
import jsonschema
import pytest
from click.testing import CliRunner
from json_documents import conforming, strict

from orchestrator.cli import documents
from orchestrator.cli.documents import schemas
from orchestrator.cli.main import cli
from orchestrator.cli.reference import leaves
from orchestrator.emulator import control
from orchestrator.emulator.control import Running
from orchestrator.vocabulary import Architecture, Kind, Return, Source, Where, Word

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
# What prints on standard output; a console of rich does, too, unless it is told to write elsewhere.
PRINTERS = {"print_data", "print_json", "print_document", "print_credentials", "echo", "Console"}
# Their whole output is a document with a format of its own, or a script for a shell.
OWN_FORMAT = {"schema", "platform schema", "completion"}
# They take a second or more to load, and no help needs them.
HEAVY = ("boto3", "botocore", "gitlab", "jinja2", "pydantic", "requests", "rich", "urllib3", "yaml")
PROJECT = """\
project: demo
region: eu-central-1
gitlab: {project: group/demo}
packages:
  parser:
    source: src
    smoke: [handler]
    environment: {MODE: fast}
    build:
      vpc: {id: vpc-0a1b2c3d, subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}
      cache: {kind: s3, paths: [/var/cache/npm/**/*]}
"""
COMMANDS: dict[str, click.Command] = {
    context.command_path.removeprefix("orchestrator "): command for command, context in leaves()
}
TARGET = ("--architecture", "arm64", "--runtime", "python3.12")


# The closed sets that documents share with the configuration, under the names that they have there.
SETS: dict[str, type[Word]] = {
    "architecture": Architecture,
    "kind": Kind,
    "return": Return,
    "source": Source,
    "where": Where,
}


def closed_sets(part: object, name: str = "") -> Iterator[tuple[str, list[str]]]:
    """Give every closed set of words in a schema, with the name of its property."""
    if isinstance(part, dict):
        if "enum" in part:
            yield name, part["enum"]
        for key, member in part.items():
            yield from closed_sets(member, key)


def reached(function: FunctionType) -> Iterator[str]:
    """Give every name that a function uses, and that the functions of our command line which it reaches use."""
    waiting, seen = [function], set[FunctionType]()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        names = set(_names(current.__code__))
        yield from names
        modules = [import_module(name) for name in names if name.startswith("orchestrator.cli.")]
        spaces = [current.__globals__, *(vars(module) for module in modules)]
        found = (space.get(name) for name in names for space in spaces)
        waiting += [one for one in found if inspect.isfunction(one) and one.__module__.startswith("orchestrator.cli.")]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def has_json(command: click.Command) -> bool:
    """Tell whether a command has `--json`."""
    return any("--json" in parameter.opts for parameter in command.params)


def test_closed_sets_are_those_of_the_configuration() -> None:
    """What may be written in `orchestrator.yml` is what a document may say."""
    found = [(name, words) for schema in schemas().values() for name, words in closed_sets(schema) if name in SETS]
    assert {name for name, _ in found} == set(SETS)
    assert [(name, words) for name, words in found if words != [str(word) for word in SETS[name]]] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example(name: str) -> None:
    """Every command shows in its help how it is called."""
    outcome = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert outcome.exit_code == 0
    last = " ".join(outcome.output.split("\n\n")[-1].split())
    assert last.startswith("Example: ") and f"orchestrator {name}" in last


@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_prints_data_prints_it_for_programs(name: str) -> None:
    """A command that prints anything on standard output has `--json`, so a new one cannot forget it."""
    command = COMMANDS[name]
    assert command.callback is not None
    function = inspect.unwrap(command.callback)
    assert isinstance(function, FunctionType)
    prints = bool(PRINTERS & set(reached(function)))
    assert has_json(command) == (prints and name not in OWN_FORMAT)


def test_every_document_has_a_schema() -> None:
    """Each command with `--json` has exactly one schema, and no schema is of a command that is not there."""
    assert set(schemas()) == {name for name, command in COMMANDS.items() if has_json(command)}
    listed = [command for schema in documents.all_schemas() for command in schema["x-commands"]]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", schemas())
def test_schemas_are_schemas(name: str) -> None:
    """Every schema is valid, says its version, and says what each member means."""
    schema = schemas()[name]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert isinstance(schema["properties"]["schema_version"]["const"], int)
    for path, kind, meaning in documents.members(schema):
        assert kind and meaning.endswith(".") and path.replace("[]", "").replace(".", "").replace("_", "").isalnum()


def test_the_page_about_json_is_current() -> None:
    """The page in `docs/reference` says what the schemas say."""
    hint = "run `python -m orchestrator.cli.reference docs/reference`"
    assert (REFERENCE / documents.PAGE).read_text(encoding="utf-8") == documents.page(), hint


def test_what_no_schema_describes_is_found() -> None:
    """The check that the tests use knows a member that was forgotten, at any depth."""
    schema = strict(schemas()["check"])
    document = {"schema_version": 1, "findings": [{"rule": "a", "surprise": 1}]}
    found = [error.validator for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]
    assert {"additionalProperties", "required"} <= set(found)


def test_help_loads_nothing_that_takes_long() -> None:
    """Help and completion of every command answer before AWS, GitLab or the configuration could have been loaded."""
    program = (
        "import sys\nfrom orchestrator.cli.reference import page\npage()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert outcome.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with a configuration that uses what has more than one form."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "orchestrator.yml").write_text(PROJECT)
    (folder / "src").mkdir()
    (folder / "src" / "handler.py").write_text("def handler(event, context):\n    return 1\n")
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a stand-in that ends with these tests."""
    directory = tmp_path_factory.mktemp("emulator")
    yield control.up(directory, detach=False)
    control.down(directory)


def called(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a program does: no terminal, nothing in the environment that it does not set."""
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _package(folder: Path) -> str:
    output = folder / "dist" / "parser.zip"
    if not output.exists():
        called(folder, "package", "build", "src", *TARGET, "--output", str(output))
    return str(output)


OFFLINE: dict[str, Callable[[Path], list[str]]] = {
    "plan": lambda folder: ["plan"],
    "check": lambda folder: ["check"],
    "advise": lambda folder: ["advise"],
    "doctor": lambda folder: ["doctor", "--offline"],
    "render": lambda folder: ["render", "--output", "out"],
    "init": lambda folder: ["init", "--yes", "--config", "other.yml"],
    "package build": lambda folder: ["package", "build", "src", *TARGET, "--output", "made/parser.zip"],
    "package inspect": lambda folder: ["package", "inspect", _package(folder), *TARGET],
    "package plan": lambda folder: ["package", "plan", "src", "--requirements", "src/none.txt", "--cache", "cache"],
    "local status": lambda folder: ["local", "status"],
}


@pytest.mark.parametrize("name", OFFLINE)
def test_what_is_printed_is_what_the_schema_says(name: str, project: Path) -> None:
    """Standard output is one document that has every member of its schema and no other, whatever is narrated."""
    (project / "src" / "none.txt").write_text("")
    (project / "other.yml").unlink(missing_ok=True)
    outcome = called(project, *OFFLINE[name](project), "--json", AWS_REGION="eu-central-1")
    assert outcome.returncode in {0, 2, 3}, outcome.stderr
    conforming(name, outcome.stdout)


def test_what_the_stand_in_says_is_what_the_schema_says(running: Running, project: Path) -> None:
    """The documents about the stand-in itself, while it runs, are those of their schemas."""
    directory = ["--directory", str(running.directory)]
    status = conforming("local status", called(project, "local", "status", *directory, "--json").stdout)
    assert (status["running"], status["aws_url"]) == (True, running.aws_url)
    settings = conforming("local env", called(project, "local", "env", *directory, "--json", AWS_PROFILE="x").stdout)
    assert settings["export"]["AWS_ENDPOINT_URL"] == running.aws_url
    assert settings["unset"] == ["AWS_PROFILE"]
    shown = called(project, "local", "faults", "show", *directory, "--json").stdout
    assert conforming("local faults show", shown)["rules"] == []


def test_nothing_found_is_a_document(running: Running, project: Path) -> None:
    """Where a person reads nothing at all, a program reads an empty list."""
    environment = control.environment(running)
    told = called(project, "reconcile", "--json", **environment)
    assert told.returncode == 0, told.stderr
    assert conforming("reconcile", told.stdout)["builds"] == []
    assert called(project, "reconcile", **environment).stdout == ""


@pytest.mark.parametrize("name", ["plan", "local status"])
def test_the_command_prints_its_own_schema(name: str, project: Path) -> None:
    """Whoever has the command has the schema of what it prints, and is told of a command that prints none."""
    told = called(project, "schema", *name.split())
    assert json.loads(told.stdout) == schemas()[name]
    wrong = called(project, "schema", "stop")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "`stop`" in wrong.stderr


def test_a_failure_prints_no_half_document(tmp_path: Path) -> None:
    """If there is nothing to say because something is wrong, standard output stays empty."""
    for words in (["plan", "--json"], ["check", "--json"], ["package", "inspect", "none.zip", "--json"]):
        outcome = called(tmp_path, *words)
        assert (outcome.returncode, outcome.stdout) == (2, ""), words


def test_no_terminal_gets_no_colours(project: Path) -> None:
    """A file or a pipe gets plain text, in which nothing steers a terminal, whatever TERM says."""
    for words in ("--help", "plan", "check", "advise"):
        outcome = called(project, words, TERM="xterm-256color", COLORTERM="truecolor")
        assert "\x1b" not in outcome.stdout + outcome.stderr
