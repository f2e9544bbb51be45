"""Events of builds reach rules, queues and functions that really run, at least once."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.events import inputs
from orchestrator.emulator.aws.events.state_change import state_change
from orchestrator.emulator.aws.policies import lets_events_in
from orchestrator.emulator.injection.rules import parse

_WAIT_SECONDS = 20
_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ],
    }
)
# Writes what it is given to a queue, so that a test sees every single invocation.
_REPORTER = """
import json, os, boto3
def handle(event, context):
    print("handling", event["detail"]["build-status"])
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""


def _zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("package/__init__.py", "")
        archive.writestr("package/handler.py", source)
    return packed.getvalue()


@dataclass
class Wiring:
    """A rule for one CodeBuild project, a function, and two queues: what it reports, and what is dead."""

    world: Any
    name: str

    def __post_init__(self) -> None:
        self.sqs, self.events = self.world.client("sqs"), self.world.client("events")
        self.functions = self.world.client("lambda")
        self.queues = {kind: self.queue(f"{self.name}-{kind}") for kind in ("seen", "dead", "failed")}
        self.rule_arn = ""
        self.function_arn = ""

    def queue(self, name: str) -> str:
        return str(self.sqs.create_queue(QueueName=name)["QueueUrl"])

    def arn(self, kind: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queues[kind], AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def rule(self, project: str, target: str | None = None, **more: Any) -> None:
        pattern = {
            "source": ["aws.codebuild"],
            "detail-type": ["CodeBuild Build State Change"],
            "detail": {"project-name": [project]},
        }
        self.rule_arn = self.events.put_rule(Name=self.name, EventPattern=json.dumps(pattern))["RuleArn"]
        entry = {"Id": "one", "Arn": target or self.function_arn, **more}
        self.events.put_targets(Rule=self.name, Targets=[entry])

    def function(self, source: str, **settings: Any) -> None:
        role = self.world.client("iam").create_role(RoleName=self.name, AssumeRolePolicyDocument=_TRUST)["Role"]["Arn"]
        self.function_arn = self.functions.create_function(
            FunctionName=self.name,
            Role=role,
            Handler="package/handler.handle",
            Runtime="python3.12",
            Code={"ZipFile": _zipped(source)},
            Environment={"Variables": {"QUEUE": self.queues["seen"], "WORD": "from the settings"}},
            **{"Timeout": 20, **settings},
        )["FunctionArn"]

    def permit(self) -> None:
        self.functions.add_permission(
            FunctionName=self.name,
            StatementId="events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=self.rule_arn,
        )

    def permit_queue(self, kind: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.arn(kind),
            "Condition": {"ArnEquals": {"aws:SourceArn": self.rule_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=self.queues[kind], Attributes={"Policy": policy})

    def messages(self, kind: str, count: int) -> list[dict[str, Any]]:
        """Wait for `count` messages and then a moment, so that one too many is seen as well."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + _WAIT_SECONDS
        settled = False
        while not settled and time.monotonic() < deadline:
            if len(found) >= count:
                time.sleep(0.3)
                settled = True
            answer = self.sqs.receive_message(
                QueueUrl=self.queues[kind], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            found += answer.get("Messages", [])
            time.sleep(0.03)
        return found

    def invoke(self, payload: Any, **more: Any) -> Any:
        return self.functions.invoke(FunctionName=self.name, Payload=json.dumps(payload).encode(), **more)


@pytest.fixture
def wiring(quick_aws: Any) -> Wiring:
    """Return fresh names in an emulator whose minutes are short."""
    return Wiring(quick_aws, f"w-{uuid.uuid4().hex[:10]}")


def _statuses(messages: list[dict[str, Any]]) -> Counter[str]:
    return Counter(json.loads(message["Body"])["detail"]["build-status"] for message in messages)


def _buildspec(*commands: str) -> str:
    return json.dumps({"version": "0.2", "phases": {"build": {"commands": list(commands)}}})


def test_a_handler_gets_every_state_once(wiring: Wiring) -> None:
    """The zip that was uploaded runs once per state of the build, and logs to its own group."""
    project = wiring.world.project(_buildspec("true"))
    wiring.function(_REPORTER)
    wiring.rule(project)
    wiring.permit()
    client = wiring.world.client("codebuild")
    build = wiring.world.finished(client.start_build(projectName=project)["build"]["id"])
    messages = wiring.messages("seen", 2)
    assert _statuses(messages) == {"IN_PROGRESS": 1, "SUCCEEDED": 1}
    told = {json.loads(message["Body"])["detail"]["build-id"] for message in messages}
    assert told == {build["arn"]}
    logs = wiring.world.client("logs")
    streams = logs.describe_log_streams(logGroupName=f"/aws/lambda/{wiring.name}")["logStreams"]
    lines = [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(
            logGroupName=f"/aws/lambda/{wiring.name}", logStreamName=stream["logStreamName"]
        )["events"]
    ]
    assert {"handling IN_PROGRESS\n", "handling SUCCEEDED\n"} <= set(lines)
    assert sum(line.startswith("REPORT RequestId: ") for line in lines) == 2


def _ending(wiring: Wiring, status: str) -> dict[str, Any]:
    """Let a build end with `status`, and return it."""
    world, client = wiring.world, wiring.world.client("codebuild")
    command = {"FAILED": "false", "STOPPED": "sleep 30", "TIMED_OUT": "sleep 30"}.get(status, "true")
    project = world.project(_buildspec(command), timeoutInMinutes=5 if status == "TIMED_OUT" else 480)
    wiring.rule(project, wiring.arn("seen"))
    wiring.permit_queue("seen")
    if status == "FAULT":
        world.emulator.faults.use(parse({"rules": [{"service": "build", "operation": project, "answers": ["fault"]}]}))
    identifier = client.start_build(projectName=project)["build"]["id"]
    if status == "STOPPED":
        world.wait_for(identifier, lambda build: build["currentPhase"] == "BUILD")
        client.stop_build(id=identifier)
    return dict(world.finished(identifier))


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"])
def test_every_ending_is_told(wiring: Wiring, status: str) -> None:
    """Whatever end a build comes to, exactly one event tells it, and says what BatchGetBuilds says."""
    build = _ending(wiring, status)
    wiring.world.emulator.faults.use(())
    events = {json.loads(message["Body"])["detail"]["build-status"]: message for message in wiring.messages("seen", 2)}
    assert set(events) == {"IN_PROGRESS", status} and build["buildStatus"] == status
    event = json.loads(events[status]["Body"])
    assert event["source"] == "aws.codebuild" and event["resources"] == [build["arn"]]
    more = event["detail"]["additional-information"]
    assert more["build-complete"] is True and event["detail"]["current-phase"] == "COMPLETED"
    assert [phase["phase-type"] for phase in more["phases"]] == [phase["phaseType"] for phase in build["phases"]]


def test_the_event_has_exactly_the_documented_shape() -> None:
    """Names, nesting and the writing of times are those of the user guide's example."""
    record = {
        "id": "p:u", "arn": "arn:aws:codebuild:eu-central-1:123456789012:build/p:u", "projectName": "p",
        "buildStatus": "SUCCEEDED", "currentPhase": "COMPLETED", "buildComplete": True, "buildNumber": 55,
        "timeoutInMinutes": 60, "queuedTimeoutInMinutes": 480, "initiator": "me", "startTime": 1504282349.5,
        "sourceVersion": "abc", "cache": {"type": "NO_CACHE"},
        "source": {"type": "S3", "location": "b/k"}, "artifacts": {"location": "arn:aws:s3:::b/k", "sha256sum": "0"},
        "environment": {"type": "ARM_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL",
                        "environmentVariables": [{"name": "A", "value": "1", "type": "PLAINTEXT"}]},
        "logs": {"groupName": "g", "streamName": "s", "deepLink": "l"},
        "phases": [
            {"phaseType": "BUILD", "phaseStatus": "FAILED", "startTime": 1504282349, "endTime": 1504282380.0,
             "durationInSeconds": 31, "contexts": [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit 1"}]},
            {"phaseType": "COMPLETED", "startTime": 1504224000},
        ],
    }  # fmt: skip
    event = state_change(record, Place("123456789012", "eu-central-1"))
    assert sorted(event) == [
        "account", "detail", "detail-type", "id", "region", "resources", "source", "time", "version",
    ]  # fmt: skip
    assert sorted(event["detail"]) == [
        "additional-information", "build-id", "build-status", "current-phase", "current-phase-context",
        "project-name", "version",
    ]  # fmt: skip
    more = event["detail"]["additional-information"]
    assert more["build-start-time"] == "Sep 1, 2017 4:12:29 PM"
    assert more["artifact"] == {"sha256sum": "0", "location": "arn:aws:s3:::b/k"}
    assert more["environment"]["environment-variables"] == [{"name": "A", "type": "PLAINTEXT", "value": "1"}]
    assert more["phases"] == [
        {
            "phase-context": ["COMMAND_EXECUTION_ERROR: exit 1"],
            "start-time": "Sep 1, 2017 4:12:29 PM",
            "end-time": "Sep 1, 2017 4:13:00 PM",
            "duration-in-seconds": 31.0,
            "phase-type": "BUILD",
            "phase-status": "FAILED",
        },
        {"start-time": "Sep 1, 2017 12:00:00 AM", "phase-type": "COMPLETED"},
    ]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, {"detail": {"build-id": 'a"b', "n": [1, 2]}}),
        ({"Input": '{"constant": 1}'}, {"constant": 1}),
        ({"InputPath": "$.detail.n[1]"}, 2),
        ({"InputPath": "$.detail.missing"}, None),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"id": "$.detail.build-id", "n": "$.detail.n"},
                    "InputTemplate": '{"bare": <id>, "quoted": "build <id>", "n": <n>, "unknown": "<x>"}',
                }
            },
            {"bare": 'a"b', "quoted": 'build a"b', "n": [1, 2], "unknown": "<x>"},
        ),
    ],
)
def test_a_target_may_want_a_part_of_the_event(members: dict[str, Any], expected: Any) -> None:
    """Input, InputPath and InputTransformer make what the target gets."""
    event = {"detail": {"build-id": 'a"b', "n": [1, 2]}}
    assert json.loads(inputs.payload(members, event)) == expected


_STATEMENT = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        (_STATEMENT, True),
        (_STATEMENT | {"Action": ["sqs:*"]}, True),
        (_STATEMENT | {"Principal": "*"}, True),
        (_STATEMENT | {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:rule/r*"}}}, True),
        (_STATEMENT | {"Condition": {"StringEquals": {"aws:SourceAccount": ["1", "2"]}}}, True),
        (_STATEMENT | {"Effect": "Deny"}, False),
        (_STATEMENT | {"Action": "sqs:ReceiveMessage"}, False),
        (_STATEMENT | {"Principal": {"Service": "sns.amazonaws.com"}}, False),
        (_STATEMENT | {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:events:x:rule/other"}}}, False),
        (_STATEMENT | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, False),
    ],
)
def test_a_policy_is_read_as_iam_reads_it(statement: dict[str, Any], *, allowed: bool) -> None:
    """EventBridge may only what the resource's policy says for that rule and account."""
    policy = {"Statement": [statement]}
    assert lets_events_in(policy, "sqs:SendMessage", rule_arn="arn:aws:events:x:rule/r1", account_id="2") is allowed


@pytest.mark.parametrize("cause", ["NO_PERMISSIONS", "NO_RESOURCE"])
def test_an_event_that_cannot_be_delivered_ends_in_the_rules_queue(wiring: Wiring, cause: str) -> None:
    """A missing permission, or function, sends the event to the target's dead-letter queue, untried."""
    project = wiring.world.project(_buildspec("true"))
    wiring.function(_REPORTER)
    target = wiring.function_arn + ("-gone" if cause == "NO_RESOURCE" else "")
    wiring.rule(project, target, DeadLetterConfig={"Arn": wiring.arn("dead")})
    wiring.permit_queue("dead")
    wiring.world.client("codebuild").start_build(projectName=project)
    dead = wiring.messages("dead", 2)
    assert _statuses(dead) == {"IN_PROGRESS": 1, "SUCCEEDED": 1}
    attributes = {name: value["StringValue"] for name, value in dead[0]["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == cause
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (wiring.rule_arn, target)


_FAILING = """
import json, os, boto3
def handle(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
    raise ValueError("cannot bring it home")
"""


def test_a_handler_that_fails_is_tried_three_times_and_ends_in_the_queues(wiring: Wiring) -> None:
    """Two retries, then the function's dead-letter queue gets the event and its destination the whole record."""
    wiring.function(_FAILING, DeadLetterConfig={"TargetArn": wiring.arn("dead")})
    wiring.functions.put_function_event_invoke_config(
        FunctionName=wiring.name, DestinationConfig={"OnFailure": {"Destination": wiring.arn("failed")}}
    )
    asked = wiring.invoke({"n": 1}, InvocationType="Event")
    assert asked["StatusCode"] == 202
    [dead] = wiring.messages("dead", 1)
    assert len(wiring.messages("seen", 3)) == 3
    assert json.loads(dead["Body"]) == {"n": 1}
    assert dead["MessageAttributes"]["ErrorMessage"]["StringValue"] == "cannot bring it home"
    record = json.loads(wiring.messages("failed", 1)[0]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"n": 1}
    assert record["responsePayload"]["errorType"] == "ValueError"


@pytest.mark.parametrize(
    ("source", "settings", "kind", "text"),
    [
        ("def handle(e, c): return {'got': e}", {}, "", ""),
        ("def handle(e, c): return 1 / 0", {}, "ZeroDivisionError", "division by zero"),
        ("def handle(e, c):\n while True: pass", {"Timeout": 1}, "", "Task timed out after 1.00 seconds"),
        ("import os\ndef handle(e, c): os._exit(3)", {}, "Runtime.ExitError", "exit status 3"),
        ("import gitlab", {}, "Runtime.ImportModuleError", "No module named 'gitlab'"),
        ("def other(e, c): pass", {}, "Runtime.HandlerNotFound", "'handle' missing"),
        ("def handle(e, c): return object()", {}, "Runtime.MarshalError", "Unable to marshal response"),
        ("def handle(e, c)", {}, "Runtime.UserCodeSyntaxError", "Syntax error in module"),
    ],
)  # fmt: skip
def test_a_function_ends_as_lambda_ends_it(
    wiring: Wiring, source: str, settings: dict[str, Any], kind: str, text: str
) -> None:
    """Answers and errors have Lambda's shape, and only the packages of Lambda's runtime can be imported."""
    wiring.function(source, **settings)
    answer = wiring.invoke({"a": "ü"})
    payload = json.loads(answer["Payload"].read())
    if not text:
        assert payload == {"got": {"a": "ü"}} and "FunctionError" not in answer
        return
    assert answer["FunctionError"] == "Unhandled"
    assert payload.get("errorType", "") == kind and text in payload["errorMessage"]


_LOOKING = """
import os, boto3
def handle(event, context):
    return {
        "variables": dict(os.environ),
        "account": boto3.client("sts").get_caller_identity()["Account"],
        "context": [context.function_name, context.invoked_function_arn, context.aws_request_id],
        "left": context.get_remaining_time_in_millis(),
    }
"""


def test_a_function_sees_its_settings_and_the_emulator_and_nothing_else(
    wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its variables are the function's own, Lambda's, and the way to the emulator; none of this process."""
    monkeypatch.setenv("CANARY", "of the host")
    wiring.function(_LOOKING, Timeout=10)
    answer = wiring.invoke({}, LogType="Tail")
    seen = json.loads(answer["Payload"].read())
    assert seen["account"] == "123456789012" and 0 < seen["left"] <= 10_000
    assert seen["context"] == [wiring.name, wiring.function_arn, answer["ResponseMetadata"]["RequestId"]]
    assert seen["variables"]["WORD"] == "from the settings" and "CANARY" not in seen["variables"]
    assert seen["variables"]["AWS_ENDPOINT_URL"] == wiring.world.server.url
    assert not {name for name in seen["variables"] if name.startswith(("PIP_", "UV_", "VIRTUAL"))}


def test_a_function_that_does_not_exist_is_not_found(wiring: Wiring) -> None:
    """Invoke of an unknown name is refused as Lambda refuses it; a dry run of a known one does nothing."""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        wiring.invoke({})
    wiring.function("def handle(e, c): return 1 / 0")
    assert wiring.invoke({}, InvocationType="DryRun")["StatusCode"] == 204


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"kind": "duplicate", "copies": 2}, {"IN_PROGRESS": 1, "SUCCEEDED": 3}),
        ("lost", {"IN_PROGRESS": 1}),
    ],
)
def test_an_event_is_lost_or_doubled_when_asked(wiring: Wiring, answer: Any, expected: dict[str, int]) -> None:
    """Delivery is as good or bad as the script says, and a copy has the id of its original."""
    wiring.world.emulator.faults.use(parse({"rules": [
        {"service": "event", "operation": "SUCCEEDED", "answers": [answer]}
    ]}))  # fmt: skip
    messages = _delivered(wiring, sum(expected.values()))
    assert _statuses(messages) == expected
    assert len({json.loads(message["Body"])["id"] for message in messages}) == len(expected)


def test_events_overtake_each_other_when_asked(wiring: Wiring) -> None:
    """A delayed event arrives after a later one."""
    wiring.world.emulator.faults.use(parse({"rules": [
        {"service": "event", "operation": "IN_PROGRESS", "answers": [{"kind": "delay", "seconds": 2}]}
    ]}))  # fmt: skip
    messages = _delivered(wiring, 2)
    assert [json.loads(message["Body"])["detail"]["build-status"] for message in messages] == [
        "SUCCEEDED", "IN_PROGRESS",
    ]  # fmt: skip


def _delivered(wiring: Wiring, count: int) -> list[dict[str, Any]]:
    project = wiring.world.project(_buildspec("true"))
    wiring.rule(project, wiring.arn("seen"))
    wiring.permit_queue("seen")
    client = wiring.world.client("codebuild")
    wiring.world.finished(client.start_build(projectName=project)["build"]["id"])
    messages = wiring.messages("seen", count)
    wiring.world.emulator.faults.use(())
    return messages


@pytest.fixture(scope="module")
def quick_aws(tmp_path_factory: pytest.TempPathFactory, make_world: Callable[..., Any]) -> Iterator[Any]:
    """Return an emulator whose minutes last a twentieth of a second."""
    world = make_world(Path(tmp_path_factory.mktemp("events")), minute_seconds=0.05)
    yield world
    world.close()
