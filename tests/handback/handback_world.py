"""One function in small: markers, token and queue in moto, builds by hand, a scripted GitLab on loopback."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.handback import aws, handler

ACCOUNT = "123456789012"
REGION = "eu-central-1"
BUCKET = "demo-artifacts"
PROJECT = "demo-parser"
UUID = "0f0e0d0c-1111-2222-3333-444455556666"
BUILD_ID = f"{PROJECT}:{UUID}"
KEY = f"team/handback/{PROJECT}/{UUID}.json"
CANARY = "glptt-canary-0123456789+/="
PARAMETER = "/gitlab/trigger/demo"
PATH = "/api/v4/projects/group%2Fdemo/trigger/pipeline"
STARTED = (201, {}, '{"id": 7, "web_url": "http://gitlab/p/7", "yaml_errors": null}')

Script = tuple[int, dict[str, str], str]


@dataclass
class GitLab:
    """A GitLab that gives the answers of its script in turn (the last one for ever) and keeps what it was sent."""

    script: list[Script] = field(default_factory=lambda: [STARTED])
    requests: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    url: str = ""
    meanwhile: Callable[[], object] = lambda: None


def record(**changes: Any) -> dict[str, Any]:
    """Return a finished build as BatchGetBuilds tells it."""
    variables = {"ORCHESTRATOR_REF": "feature/ä;$(id)", "ORCHESTRATOR_COMMIT_SHA": "a" * 40, **changes.pop("env", {})}
    listed = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()]
    plain = {"id": BUILD_ID, "projectName": PROJECT, "buildComplete": True, "buildStatus": "SUCCEEDED"}
    return {**plain, "environment": {"environmentVariables": listed}, **changes}


def event(build_id: str = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:build/{BUILD_ID}", **detail: Any) -> dict[str, Any]:
    """Return an event as EventBridge brings it; its status and variables are lies, because nobody may believe them."""
    lies = {"build-status": "STOPPED", "project-name": "another", "ORCHESTRATOR_REF": "evil"}
    return {
        "source": "aws.codebuild",
        "detail-type": "CodeBuild Build State Change",
        "account": ACCOUNT,
        "detail": {"build-id": build_id, **lies, **detail},
    }


@dataclass
class Context:
    """Lambda's context: how much time is left, and which invocation this is."""

    remaining_seconds: float = 120.0
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining_seconds * 1000)


class Function:
    """The function and its world; `said` collects everything that ever left it."""

    def __init__(self, gitlab: GitLab, capture: pytest.CaptureFixture[str]) -> None:
        self.gitlab, self._capture = gitlab, capture
        self.builds: list[dict[str, Any]] = [record()]
        self.asked: list[list[str]] = []
        self.now = 1_000_000.0
        self.waited: list[float] = []
        self.context = Context()
        self.said = ""
        self.s3, self.ssm, self.sqs = (aws.client(service, REGION) for service in ("s3", "ssm", "sqs"))
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.ssm.put_parameter(Name=PARAMETER, Value=CANARY, Type="SecureString")
        self.queue = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.settings: dict[str, Any] = {
            "api_url": gitlab.url,
            "bucket": BUCKET,
            "dead_letter_queue_url": self.queue,
            "gitlab_project": "group/demo",
            "inputs": True,
            "owner": ACCOUNT,
            "prefix": "team",
            "projects": [PROJECT],
            "region": REGION,
            "token_parameter": PARAMETER,
        }

    def batch_get_builds(self, ids: list[str]) -> dict[str, Any]:
        """Answer as CodeBuild."""
        self.asked.append(ids)
        return {"builds": self.builds}

    def sleep(self, seconds: float) -> None:
        """Let time pass, for the clock and for the invocation."""
        self.waited.append(seconds)
        self.now += seconds
        self.context.remaining_seconds -= seconds

    def __call__(self, given: object = None) -> dict[str, str]:
        """Invoke the function as Lambda does; keep what it printed, returned and raised."""
        try:
            result = handler.handle(event() if given is None else given, self.context)
            self.said += f"{result}\n"
        except BaseException:
            self.said += traceback.format_exc()
            raise
        finally:
            self.said += self._capture.readouterr().out
        return result

    def marker(self) -> dict[str, Any]:
        """Return the marker of the build, an empty one if there is none."""
        if not self.s3.list_objects_v2(Bucket=BUCKET).get("Contents"):
            return {}
        found: dict[str, Any] = json.loads(self.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read())
        return found

    def write_marker(self, **fields: Any) -> None:
        """Write a marker, whatever there is."""
        self.s3.put_object(Bucket=BUCKET, Key=KEY, Body=json.dumps({"build_id": BUILD_ID, **fields}).encode())

    def dead_letters(self) -> list[tuple[dict[str, Any], str, str]]:
        """Take the messages of the queue: body, exit code, text."""
        got = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        self.said += str(got)
        return [
            (
                json.loads(message["Body"]),
                message["MessageAttributes"]["ErrorCode"]["StringValue"],
                message["MessageAttributes"]["ErrorMessage"]["StringValue"],
            )
            for message in got.get("Messages", [])
        ]
