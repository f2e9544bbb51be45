"""Guarantees about the JSON Schema and the pages made from it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from orchestrator.config import EXAMPLE, parse
from orchestrator.config.configuration_file import SCHEMA
from orchestrator.config.reference import pages
from orchestrator.errors import ConfigurationError

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA.document)


def test_the_schema_is_one() -> None:
    """The exported schema is valid by its own dialect and holds nothing but JSON."""
    schema = SCHEMA.document
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_is_described() -> None:
    """An editor can show a description for every key of the file."""
    definitions = SCHEMA.document["$defs"]
    for path, node in SCHEMA.walk():
        target = definitions.get(node.get("$ref", "").rpartition("/")[2], {})
        assert node.get("description") or target.get("description"), path


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_reference_is_current(name: str) -> None:
    """The pages in `docs/reference` say what the models say."""
    hint = "run `python -m orchestrator.config.reference docs/reference`"
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], hint


@pytest.mark.parametrize(
    "addition",
    [
        "",
        "build: {compute: large, image: null}",
        "tags: {team: a}",
        "gitlab: {project: 42}",
        "gitlab: {project: a/b}",
        "source: clone\nclone: {url: 'https://gitlab.com/a/b.git'}",
        "terraform: {state: s3, bucket: abc}",
        "artifacts: {bucket: abc, managed: true, prefix: a/b, retention_days: 1}",
        "    system_packages: [curl]\n    smoke: [lxml]\n    exclude: ['*/tests/*']\n    bytecode: true",
        "    system_packages: {dnf: [curl], apt-get: [curl]}\n    allow_pure: [Wrapt]",
        "    kind: custom\n    commands: [make]\n    output: dist\n    runtime: provided.al2023",
        "    allow: [{rule: library, reason: why}]\n    build: {where: auto, keep_wheels: false}",
        "return: event\nhandback: {inputs: false, reserved_concurrency: 2, log_key_arn: null}",
        "runtimes: {python3.12: {system: null, deprecated: '2030-01-01', versions: {GLIBC: '2.35'}}}",
    ],
)
def test_what_we_accept_an_editor_accepts(addition: str) -> None:
    """A file that loads has no warnings in an editor that uses the schema."""
    text = EXAMPLE + addition
    parse(text, "orchestrator.yml", {})
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "addition",
    [
        "proyect: x",
        "build: {compute: huge}",
        "build: {timeout_minutes: 4}",
        "  Bad_Name: {}",
        "    runtime: 3.12",
        "version: 2",
        "artifacts: {bucket: A}",
        "return: push",
        "return: event\nhandback: {log_retention_days: 2}",
        "    system_packages: {brew: [curl]}",
        "    system_packages: [--force]",
        "    allow: [{rule: library}]",
        "    allow: [{rule: everything, reason: why}]",
        "    smoke: lxml",
        "    build: {where: here}",
        "runtimes: {python3.12: {glibc: 2}}",
        "runtimes: {python3.12: {system: Windows}}",
    ],
)
def test_what_an_editor_refuses_we_refuse(addition: str) -> None:
    """A file that an editor marks does not load either."""
    text = EXAMPLE + addition
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))
    with pytest.raises(ConfigurationError):
        parse(text, "orchestrator.yml", {})


def test_examples_in_the_schema_are_good() -> None:
    """Every example of the schema is accepted where it stands."""
    for path, node in SCHEMA.walk():
        if "<name>" in path or "." not in path:
            continue
        for example in node.get("examples", ()):
            block, key = path.split(".")
            document = yaml.safe_load(EXAMPLE) | {block: {key: example}}
            if block == "clone":
                document["source"] = "clone"
            if (path, document["packages"]["parser"]["architecture"]) == ("build.image", "arm64") and re.search(
                "x86_64", example
            ):
                document["packages"]["parser"]["architecture"] = "x86_64"
            parse(yaml.safe_dump(document), "orchestrator.yml", {})
