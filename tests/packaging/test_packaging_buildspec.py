"""The buildspec says what it means, whatever the values are."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

TEMPLATE = Path(__file__).resolve().parents[2] / "buildspecs" / "python.yml.j2"
HOSTILE = [
    "plain",
    "quote \" and ' and \\",
    "line\nbreak",
    "{{ 7 * 7 }} {% raw %}",
    "${HOME} $(id) `id`",
    "key: value # comment",
    "- item",
    "&a *a !!python/object",
    "tab\tnul-free \u2028 \x85 \u202e",
    "emoji \U0001f600 ä",
    "yes",
    "1e3",
    "",
]


def _render(**values: Any) -> dict[str, Any]:
    environment = jinja2.Environment(  # noqa: S701 - the text is YAML, and every value goes through `json`
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["json"] = json.dumps
    defaults = {
        "settings": {},
        "tool_sha256": "0" * 64,
        "runtime_versions": {"python": "3.12"},
        "cache_paths": [],
        "architecture": "arm64",
        "runtime": "python3.12",
        "return_": "trigger",
    }
    document: dict[str, Any] = yaml.safe_load(environment.from_string(TEMPLATE.read_text()).render(defaults | values))
    return document


@pytest.mark.parametrize("value", HOSTILE)
def test_values_arrive_unchanged(value: str) -> None:
    """No value can become YAML, Jinja or shell: it is read back exactly as it was."""
    variables = _render(settings={value: [value]})["env"]["variables"]
    assert json.loads(variables["ORCHESTRATOR_SETTINGS"]) == {value: [value]}


def test_commands_are_the_same_for_every_package() -> None:
    """What differs between packages is in variables, never in commands."""
    first, second = _render(), _render(settings={"x": "y"}, tool_sha256="1" * 64, architecture="x86_64")
    assert first["phases"] == second["phases"]


def test_commands_work_in_one_shell(case: Any, tools: Path, gitlab: Any) -> None:
    """The commands, run by one bash as CodeBuild does, fetch and check the program and bring a package home."""
    case.settings["requirements"] = None
    case.commit({"handler.py": "a = 1\n"})
    zipapp = (case.private / "orchestrator.pyz").read_bytes()
    case.s3.put_object(Bucket="demo-artifacts", Key=f"team/tools/{hashlib.sha256(zipapp).hexdigest()}.pyz", Body=zipapp)
    phases = _render()["phases"]
    lines = [text for phase in phases.values() for part in ("commands", "finally") for text in phase.get(part, [])]
    script = "\n".join(["set -e", *lines, 'echo "manifest=$ORCHESTRATOR_MANIFEST_SHA256"'])
    printed = _bash(case, script, 0)
    assert f"manifest={hashlib.sha256(case.stored('manifest.json')).hexdigest()}" in printed
    assert len(gitlab.requests) == 1


def test_a_program_that_breaks_off_is_fetched_again(case: Any, tmp_path: Path) -> None:
    """One broken connection to S3 fails no build: the AWS CLI itself does not ask again while an object comes."""
    stub = tmp_path / "aws"
    stub.write_text(
        '#!/bin/sh\nfor target; do :; done\n[ -e "$0.once" ] && exec cp "$0.good" "$target"\n'
        'echo > "$0.once"; echo half > "$target"; exit 255\n'
    )
    stub.chmod(0o755)
    (tmp_path / "aws.good").write_bytes(b"program")
    case.variables["ORCHESTRATOR_TOOL_SHA256"] = hashlib.sha256(b"program").hexdigest()
    fetched = _render()["phases"]["install"]["commands"][:-1]
    script = "\n".join(["set -e", f"PATH={tmp_path}:$PATH", "sleep() { :; }", *fetched, 'cat "$ORCHESTRATOR_TOOL"'])
    assert _bash(case, script, 0).endswith("program")


def test_program_with_another_digest_never_runs(case: Any, gitlab: Any) -> None:
    """A program in S3 that is not the expected one is not run, not even to report the failure."""
    wrong = "e" * 64
    marker = case.root / "ran"
    program = f"open({str(marker)!r}, 'w')".encode()
    case.s3.put_object(Bucket="demo-artifacts", Key=f"team/tools/{wrong}.pyz", Body=program)
    case.variables["ORCHESTRATOR_TOOL_SHA256"] = wrong
    install = _render()["phases"]["install"]
    # CodeBuild stops a phase at its first failure, then runs its `finally`.
    commands = " && ".join(install["commands"])
    _bash(case, "\n".join([f"{commands} || true", *install["finally"]]), 2)
    assert not marker.exists()


def _bash(case: Any, script: str, code: int) -> str:
    environment = {**os.environ, **case.variables, "ORCHESTRATOR_SETTINGS": json.dumps(case.settings)}
    # `aws` and `python3` are those beside the Python of the tests, as the image has them on its PATH.
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TMPDIR": str(case.root)}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=case.root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_version_of_python_is_text() -> None:
    """`3.10` does not become the number 3.1."""
    assert _render(runtime_versions={"python": "3.10"})["phases"]["install"]["runtime-versions"] == {"python": "3.10"}


def test_commands_are_shell_on_one_line() -> None:
    """Every command is one line that bash accepts, so a failure in the middle cannot be lost."""
    phases = _render()["phases"]
    commands = [text for phase in phases.values() for part in ("commands", "finally") for text in phase.get(part, [])]
    for command in commands:
        assert isinstance(command, str)
        assert "\n" not in command
        subprocess.run(["bash", "-n", "-c", command], check=True, timeout=10)


def test_token_is_in_no_variable() -> None:
    """No secret is fetched by the buildspec itself, so no command of the build can read one."""
    document = _render()
    assert set(document["env"]) == {"shell", "variables", "exported-variables"}


def test_trigger_is_the_last_word() -> None:
    """Every phase that can end a build calls home, and the last command of all is the trigger."""
    phases = _render()["phases"]
    assert phases["post_build"]["commands"][-1].endswith(" trigger")
    for phase in ("install", "pre_build", "post_build"):
        assert "trigger --on-failure" in phases[phase]["finally"][-1]
