"""The component, the plain file and the project's own pipeline, held against GitLab's CI schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
INPUTS = re.compile(r"\$\[\[ inputs\.(\w+) \]\]")
# How the plain files spell an input.
COMPARED = "$%s"


class _Loader(yaml.SafeLoader):
    """YAML with GitLab's `!reference`."""


_Loader.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node))


def documents(path: Path) -> list[Any]:
    """Return the YAML documents of a file."""
    return list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Loader))


def pipeline_of(path: Path) -> Any:
    """Return the jobs of a file as GitLab sees them, with every input at its default."""
    *header, jobs = documents(path)
    text = json.dumps(jobs)
    for name, item in (header[0]["spec"]["inputs"] if header else {}).items():
        text = text.replace(f"$[[ inputs.{name} ]]", json.dumps(str(item["default"]))[1:-1])
    return json.loads(text)


@pytest.mark.parametrize(
    "name",
    [
        ".gitlab-ci.yml",
        "templates/codebuild.yml",
        "templates/plain.gitlab-ci.yml",
        "templates/deploy.yml",
        "templates/plain-deploy.gitlab-ci.yml",
        "examples/lxml-function/.gitlab-ci.yml",
    ],
)
def test_files_follow_gitlabs_schema(name: str, tmp_path: Path) -> None:
    """GitLab's own schema accepts every CI file that users include or copy."""
    resolved_file = tmp_path / "pipeline.json"
    resolved_file.write_text(json.dumps(pipeline_of(ROOT / name)))
    outcome = CliRunner().invoke(check_jsonschema, ["--builtin-schema", "vendor.gitlab-ci", str(resolved_file)])
    assert outcome.exit_code == 0, outcome.output


def resolved(job: dict[str, Any], values: dict[str, str], form: str) -> str:
    """Return a job with its inputs or variables replaced, as text that can be compared."""
    text = json.dumps(job, sort_keys=True)
    if form == COMPARED:
        # In a rule a variable stands without the quotes that the text of an input needs.
        text = re.sub(r"(\$ORCHESTRATOR_RETURN) ==", r'\\"\1\\" ==', text)
    for name, value in values.items():
        text = text.replace(form % name, value)
    return text


@pytest.mark.parametrize("job", ["prebuild", "build", "postbuild"])
def test_the_plain_file_has_the_same_jobs(job: str) -> None:
    """Including the plain file gives the jobs of the component with its default inputs."""
    header, component = documents(ROOT / "templates/codebuild.yml")
    (plain,) = documents(ROOT / "templates/plain.gitlab-ci.yml")
    inputs = {name: str(item["default"]) for name, item in header["spec"]["inputs"].items()}
    inputs["install"] = inputs["install"].replace('"', '\\"')
    variables = {name: item["value"] for name, item in plain["variables"].items()}
    for theirs, ours in ((f"$[[ inputs.{job}_job ]]", job), (".orchestrator", ".orchestrator")):
        assert resolved(component[theirs], inputs, "$[[ inputs.%s ]]") == resolved(plain[ours], variables, COMPARED)


@pytest.mark.parametrize("job", ["test", "deploy", ".orchestrator-deploy"])
def test_the_plain_deployment_has_the_same_jobs(job: str) -> None:
    """The jobs that deploy are the same ones, too."""
    component = pipeline_of(ROOT / "templates/deploy.yml")
    (plain,) = documents(ROOT / "templates/plain-deploy.gitlab-ci.yml")
    variables = {name: item["value"] for name, item in plain["variables"].items()}
    assert json.dumps(component[job], sort_keys=True) == resolved(plain[job], variables, COMPARED)


@pytest.mark.parametrize("name", ["codebuild", "deploy"])
def test_every_input_is_used_and_described(name: str) -> None:
    """No input of a component is undocumented, unused, or used without being declared."""
    text = (ROOT / f"templates/{name}.yml").read_text(encoding="utf-8")
    header, _ = documents(ROOT / f"templates/{name}.yml")
    assert set(INPUTS.findall(text)) == set(header["spec"]["inputs"])
    assert all(item["description"] for item in header["spec"]["inputs"].values())
