"""The component, the plain file and the project's own pipeline, held against GitLab's CI schema."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
INPUTS = re.compile(r"\$\[\[ inputs\.(\w+) \]\]")


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
        "examples/lxml-function/.gitlab-ci.yml",
    ],
)
def test_files_follow_gitlabs_schema(name: str, tmp_path: Path) -> None:
    """GitLab's own schema accepts every CI file that users include or copy."""
    resolved_file = tmp_path / "pipeline.json"
    resolved_file.write_text(json.dumps(pipeline_of(ROOT / name)))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(resolved_file)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def resolved(job: dict[str, Any], values: dict[str, str], form: str) -> str:
    """Return a job with its inputs or variables replaced, as text that can be compared."""
    text = json.dumps(job, sort_keys=True)
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
    for name in (job, ".orchestrator"):
        assert resolved(component[name], inputs, "$[[ inputs.%s ]]") == resolved(plain[name], variables, "$%s")


def test_every_input_is_used_and_described() -> None:
    """No input of the component is undocumented, unused, or used without being declared."""
    text = (ROOT / "templates/codebuild.yml").read_text(encoding="utf-8")
    header, _ = documents(ROOT / "templates/codebuild.yml")
    assert set(INPUTS.findall(text)) == set(header["spec"]["inputs"])
    assert all(item["description"] for item in header["spec"]["inputs"].values())
