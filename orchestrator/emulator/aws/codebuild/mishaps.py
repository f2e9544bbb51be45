"""What befalls a build by no fault of its own: CodeBuild fails, or a role is too new to be used."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.emulator.aws.codebuild import arns
from orchestrator.emulator.aws.codebuild.build import Build
from orchestrator.emulator.injection.rules import Answer
from orchestrator.vocabulary import BuildStatus


def suffer(build: Build, answer: Answer, run: Callable[[], None]) -> None:
    """Let `build` end as `answer` says; `run` is what would have happened."""
    if answer.kind == "delay":
        build.stopped.wait(answer["seconds"])  # it stays in QUEUED
        run()
    elif answer.kind == "access_denied":
        _end(build, BuildStatus.FAILED, "ACCESS_DENIED", _denied(build))
    elif answer["phase"] == "FINALIZING":
        build.verdict = BuildStatus.FAULT
        run()
    else:
        _end(build, BuildStatus.FAULT, "INTERNAL_SERVICE_ERROR", "CodeBuild is experiencing an issue")


def _end(build: Build, status: BuildStatus, code: str, message: str) -> None:
    build.end_phase(BuildStatus.SUCCEEDED)
    build.begin("PROVISIONING")
    build.end_phase(status, code, message)
    build.complete(status)


def _denied(build: Build) -> str:
    """Return the message for a role whose policy has not spread yet (aws/aws-cdk issue 12179)."""
    record = build.snapshot()
    role, uuid = record["serviceRole"], arns.build_uuid(record["id"])
    _, _, _, region, account_id, _ = record["arn"].split(":", 5)
    user = f"arn:aws:sts::{account_id}:assumed-role/{role.rpartition('/')[2]}/AWSCodeBuild-{uuid}"
    config = record["logsConfig"].get("cloudWatchLogs", {})
    group = config.get("groupName") or f"/aws/codebuild/{record['projectName']}"
    stream = arns.Place(account_id, region).log_stream_arn(group, uuid)
    return (
        f"Service role {role} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build "
        f"{record['arn']}. Error message: User: {user} is not authorized to perform: logs:CreateLogStream on resource: "
        f"{stream} because no identity-based policy allows the logs:CreateLogStream action"
    )
