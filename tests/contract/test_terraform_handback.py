"""The Terraform module `handback`, judged by the real Terraform and the real AWS provider."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from iam import asked_for
from planned import EVERY_CALL, apply_actions
from shared_provider import shared_provider

from orchestrator.effects.handback_zip import HANDLER, build_handback_zip
from orchestrator.effects.terraform import TerraformRunner, find_terraform, provider_environment
from orchestrator.emulator import control, faults
from orchestrator.emulator.control import Running
from orchestrator.handback.settings import parse_settings

SOURCE = Path(__file__).resolve().parents[2] / "terraform"
MODULE = SOURCE / "modules/handback"
EXAMPLE = "modules/handback/examples/basic"
REGION, ACCOUNT = "eu-central-1", "123456789012"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:thumbnails-handback"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:thumbnails-handback-dead-letters"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/thumbnails-handback-0"
NO_ACCOUNT = """
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""


class Copy:
    """A copy of the files with the function's zip beside the example, so that nothing is left in the checkout."""

    def __init__(self, folder: Path, local: Mapping[str, str]) -> None:
        self.folder = folder
        shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*"))
        (folder / EXAMPLE / "handback.zip").write_bytes(build_handback_zip().content)
        self.terraform = find_terraform(os.environ)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = provider_environment({**plain, **local, "AWS_EC2_METADATA_DISABLED": "true"}, folder)

    def runner(self, place: str) -> TerraformRunner:
        """Return a runner for one of the folders, initialised."""
        runner = TerraformRunner(
            self.folder / place, executable=self.terraform, environment=self.environment, narrate=print
        )
        runner.init(backend_config=None)
        return runner

    def run(self, place: str, *arguments: str) -> str:
        """Run a command of Terraform that must succeed; return what it printed."""
        done = subprocess.run(
            [*self.terraform.argv, *arguments],
            cwd=self.folder / place,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Give a copy that reaches no account, and one provider for all that is done with it."""
    made = Copy(tmp_path_factory.mktemp("handback"), {})
    made.runner(EXAMPLE)
    with shared_provider(made.folder / EXAMPLE, made.environment) as variables:
        made.environment |= variables
        yield made


@pytest.fixture(scope="module")
def planned(copy: Copy) -> dict[str, dict[str, Any]]:
    """Plan the example once; return what each resource will be, by type and name."""
    (copy.folder / EXAMPLE / "provider.tf").write_text(NO_ACCOUNT)
    copy.runner(EXAMPLE).plan(copy.folder / "plan")
    shown = json.loads(copy.run(EXAMPLE, "show", "-json", str(copy.folder / "plan")))
    (module,) = shown["planned_values"]["root_module"]["child_modules"]
    return {
        resource["address"].removeprefix("module.handback."): resource["values"] for resource in module["resources"]
    }


def test_the_rule_tells_every_ending_of_exactly_these_projects(planned: dict[str, dict[str, Any]]) -> None:
    """Whatever state is not `IN_PROGRESS` is an ending, also one that AWS has yet to invent."""
    rule = planned['aws_cloudwatch_event_rule.ended["thumbnails-handback-0"]']
    assert json.loads(rule["event_pattern"]) == {
        "source": ["aws.codebuild"],
        "detail-type": ["CodeBuild Build State Change"],
        "detail": {
            "build-status": [{"anything-but": ["IN_PROGRESS"]}],
            "project-name": ["thumbnails-arm64", "thumbnails-x86_64"],
        },
    }


def test_the_function_is_what_was_built(planned: dict[str, dict[str, Any]]) -> None:
    """Handler, architecture, time-out and the number of retries are what the code expects."""
    function = planned["aws_lambda_function.this"]
    assert (function["handler"], function["architectures"]) == (HANDLER, ["arm64"])
    assert (function["runtime"], function["timeout"]) == ("python3.13", 120)
    assert planned["aws_lambda_function_event_invoke_config.this"]["maximum_retry_attempts"] == 2


def test_the_role_is_the_functions_and_does_five_things(planned: dict[str, dict[str, Any]]) -> None:
    """Each statement names its actions and its exact resources, and only this function can use what matters."""
    policy = json.loads(planned["aws_iam_role_policy.this"]["policy"])
    statements = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert {sid: (_all(found["Action"]), _all(found["Resource"])) for sid, found in statements.items()} == {
        "WriteOwnLog": (
            {"logs:PutLogEvents", "logs:CreateLogStream"},
            {f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/thumbnails-handback:*"},
        ),
        "LookAtOwnBuilds": (
            {"codebuild:BatchGetBuilds"},
            {
                f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/thumbnails-x86_64",
                f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/thumbnails-arm64",
            },
        ),
        "KeepOwnMarkers": (
            {"s3:PutObject", "s3:GetObject"},
            {"arn:aws:s3:::codebuild-orchestrator-123456789012-eu-central-1/packages/handback/*"},
        ),
        "ReadTriggerToken": (
            {"ssm:GetParameter"},
            {f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/gitlab/trigger/thumbnails"},
        ),
        "SendDeadLetters": ({"sqs:SendMessage"}, {QUEUE}),
    }
    for sid in ("LookAtOwnBuilds", "KeepOwnMarkers", "ReadTriggerToken"):
        assert statements[sid]["Condition"]["ArnEquals"] == {"lambda:SourceFunctionArn": FUNCTION}
    assert statements["KeepOwnMarkers"]["Condition"]["StringEquals"] == {"aws:ResourceAccount": ACCOUNT}
    (trust,) = json.loads(planned["aws_iam_role.this"]["assume_role_policy"])["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_the_queue_takes_dead_letters_only(planned: dict[str, dict[str, Any]]) -> None:
    """The queue is encrypted, admits EventBridge on behalf of this rule, and refuses plain HTTP."""
    queue = planned["aws_sqs_queue.dead_letters"]
    assert queue["sqs_managed_sse_enabled"] is True
    allow, deny = json.loads(queue["policy"])["Statement"]
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": RULE}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_what_does_not_come_home_rings(planned: dict[str, dict[str, Any]]) -> None:
    """One dead letter, or one error of the function, is an alarm."""
    alarms = [values for address, values in planned.items() if address.startswith("aws_cloudwatch_metric_alarm.")]
    assert {(alarm["metric_name"], alarm["threshold"], alarm["comparison_operator"]) for alarm in alarms} == {
        ("ApproximateNumberOfMessagesVisible", 0, "GreaterThanThreshold"),
        ("Errors", 0, "GreaterThanThreshold"),
    }


def test_no_token_is_planned(planned: dict[str, dict[str, Any]]) -> None:
    """Terraform makes no parameter and no secret; it knows the name of one."""
    kinds = {address.partition(".")[0] for address in planned}
    assert not [kind for kind in kinds if "ssm" in kind or "secret" in kind]


def test_the_module_keeps_its_promises(copy: Copy) -> None:
    """What the module's own tests assert (refusals, names, several rules, keys) holds."""
    copy.runner("modules/handback")
    printed = copy.run("modules/handback", "test", "-no-color")
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", printed)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Give a local AWS."""
    yield control.up(tmp_path / "emulator", detach=False, region=REGION)
    control.down(tmp_path / "emulator")


@pytest.fixture
def emulator(running: Running) -> dict[str, str]:
    """Return the environment of its clients."""
    return control.environment(running)


# What making and removing does not come to: settings, code and tags that change, the queue, which is not removed below.
UNSEEN = {
    "cloudwatch:TagResource",
    "cloudwatch:UntagResource",
    "events:TagResource",
    "events:UntagResource",
    "lambda:DeleteFunctionConcurrency",
    "lambda:PutFunctionConcurrency",
    "lambda:TagResource",
    "lambda:UntagResource",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "sqs:DeleteQueue",
    "sqs:SetQueueAttributes",
    "sqs:TagQueue",
    "sqs:UntagQueue",
}


@pytest.mark.e2e
def test_it_is_made_once_and_removed(running: Running, emulator: dict[str, str], tmp_path: Path) -> None:
    """Apply, plan nothing, remove; what AWS then has fits together, and the function understands its settings.

    The role of prebuild may do all that was asked for, and for the function nothing else but what is changed later.
    """
    copy = Copy(tmp_path, emulator)
    runner = copy.runner(EXAMPLE)
    faults.put(running, EVERY_CALL)
    runner.plan(tmp_path / "first")
    runner.apply(tmp_path / "first")
    assert runner.plan(tmp_path / "second").empty

    function = _client("lambda", emulator).get_function_configuration(FunctionName="thumbnails-handback")
    settings = parse_settings(function["Environment"]["Variables"])
    assert settings.projects == {"thumbnails-arm64", "thumbnails-x86_64"}
    assert (settings.region, settings.account) == (REGION, ACCOUNT)
    assert settings.dead_letter_queue_url.endswith("/thumbnails-handback-dead-letters")
    assert function["DeadLetterConfig"]["TargetArn"] == QUEUE
    events = _client("events", emulator)
    (target,) = events.list_targets_by_rule(Rule="thumbnails-handback-0")["Targets"]
    assert (target["Arn"], target["DeadLetterConfig"]["Arn"]) == (FUNCTION, QUEUE)
    policy = _client("lambda", emulator).get_policy(FunctionName="thumbnails-handback")["Policy"]
    (call,) = json.loads(policy)["Statement"]
    assert call["Principal"] == {"Service": "events.amazonaws.com"}
    assert call["Condition"]["ArnLike"] == {"AWS:SourceArn": RULE}

    # The provider looks at a deleted queue for 45 seconds to see that it stays away; that is not ours to test.
    copy.run(EXAMPLE, "state", "rm", "module.handback.aws_sqs_queue.dead_letters")
    runner.plan_destroy(copy.folder / "end")
    runner.apply(copy.folder / "end")
    asked = asked_for(faults.show(running)["journal"])
    assert asked <= apply_actions() | {"lambda:GetFunctionConfiguration"}  # the latter by this test
    services = ("cloudwatch:", "events:", "lambda:", "sqs:")
    assert {name for name in apply_actions() - asked if name.startswith(services)} == UNSEEN
    assert events.list_rules()["Rules"] == []
    assert _client("lambda", emulator).list_functions()["Functions"] == []


def _all(value: Any) -> set[str]:
    return {value} if isinstance(value, str) else set(value)


def _client(service: str, environment: dict[str, str]) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def test_the_readme_shows_the_example_and_lists_every_variable() -> None:
    """What a reader copies is what was applied above; no variable is left out; all stand in alphabetical order."""
    readme, variables = (MODULE / "README.md").read_text(), (MODULE / "variables.tf").read_text()
    shown = re.findall(r"```hcl\n(.*?)```", readme, re.DOTALL)
    assert shown == [(MODULE / "examples/basic/main.tf").read_text()]
    names = re.findall(r'^variable "(\w+)"', variables, re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)
    assert names == sorted(names) == [row for row in rows if row in names]
    for block in re.split(r"^variable ", variables, flags=re.MULTILINE)[1:]:
        keys = re.findall(r"^  (description|type|default|nullable|validation)\b", block, re.MULTILINE)
        assert keys == sorted(keys, key=["description", "type", "default", "nullable", "validation"].index)
