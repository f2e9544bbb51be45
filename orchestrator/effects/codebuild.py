"""AWS CodeBuild and the logs of its builds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, error_code, patient
from orchestrator.errors import AskedDifferently, ConfigurationError, OrchestratorError, QueueFull, RoleUnknown
from orchestrator.patience import AWS, Patience
from orchestrator.records import BuildRecord, PhaseRecord, ProjectRecord

# BatchGetProjects and BatchGetBuilds take 1 to 100 names or ids (CodeBuild API).
_BATCH_LIMIT = 100
# A log is decoration: nobody waits long for it.
_LOG_PACE = replace(AWS, longest_seconds=5.0, deadline_seconds=15.0)
# CodeBuild says `parameter mismatch` in its documentation (API: StartBuild, `idempotencyToken`); its words may differ.
_MISMATCH = re.compile(r"idempoten|parameter.{0,20}mismatch", re.IGNORECASE)
_FULL = re.compile(r"Cannot have more than ([0-9]+) ")
_ROLE = re.compile(r"CodeBuild is not authorized to perform: sts:AssumeRole", re.IGNORECASE)


class CodeBuildService:
    """CodeBuild in one region."""

    def __init__(self, region: str, patience: Patience | None = None, config: Config | None = None) -> None:
        self._codebuild = patient("codebuild", region, patience or Patience(), config=config)

    def projects(self, names: Sequence[str]) -> Mapping[str, ProjectRecord]:
        """Return the projects that exist, by name."""
        found: dict[str, ProjectRecord] = {}
        for batch in _batches(names):
            with aws_errors("cannot read the CodeBuild projects"):
                answer = self._codebuild.batch_get_projects(names=batch)
            found.update((item["name"], _project(item)) for item in answer["projects"])
        return found

    def start(self, project: str, variables: Mapping[str, str], idempotency_token: str) -> BuildRecord:
        """Start a build; every variable is sent as PLAINTEXT, whatever its value looks like.

        Raises `AskedDifferently`, `QueueFull` and `RoleUnknown` for what the story of a start is about.
        """
        try:
            with aws_errors(f"cannot start a build of `{project}`"):
                answer = self._codebuild.start_build(
                    projectName=project,
                    environmentVariablesOverride=[
                        {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()
                    ],
                    idempotencyToken=idempotency_token,
                )
        except OrchestratorError as error:
            raise _explained(error, project) from error.__cause__
        return _build(answer["build"])

    def builds(self, build_ids: Sequence[str]) -> Mapping[str, BuildRecord]:
        """Return the builds that are known, by id."""
        found: dict[str, BuildRecord] = {}
        for batch in _batches(build_ids):
            with aws_errors("cannot read the builds"):
                answer = self._codebuild.batch_get_builds(ids=batch)
            found.update((item["id"], _build(item)) for item in answer["builds"])
        return found

    def newest(self, project: str, *, limit: int) -> Sequence[BuildRecord]:
        """Return the newest builds of a project, the newest first, at most `limit` of them."""
        listed: list[str] = []
        page: dict[str, str] = {}
        while True:
            with aws_errors(f"cannot list the builds of `{project}`"):
                answer = self._codebuild.list_builds_for_project(projectName=project, sortOrder="DESCENDING", **page)
            listed += answer["ids"]
            if len(listed) >= limit or not answer.get("nextToken"):
                break
            page = {"nextToken": answer["nextToken"]}
        wanted = listed[:limit]
        found = self.builds(wanted)
        return [found[name] for name in wanted if name in found]

    def stop(self, build_id: str) -> BuildRecord:
        """Stop a build; one that has ended stays as it is, and is returned so (CodeBuild docs: stop-build)."""
        with aws_errors(f"cannot stop the build `{build_id}`"):
            answer = self._codebuild.stop_build(id=build_id)
        return _build(answer["build"])


class CloudWatchLogs:
    """Build logs in CloudWatch Logs."""

    def __init__(self, region: str, patience: Patience | None = None) -> None:
        self._logs = patient("logs", region, patience or Patience(), _LOG_PACE)

    def last_lines(self, build: BuildRecord, count: int) -> Sequence[str]:
        """Return the last lines of a build's log, or none: a log that cannot be read decides nothing."""
        if not build.log_group or not build.log_stream:
            return []
        try:
            with aws_errors("cannot read the log"):
                answer = self._logs.get_log_events(
                    logGroupName=build.log_group, logStreamName=build.log_stream, limit=count, startFromHead=False
                )
        except OrchestratorError:
            return []
        # An event may hold several lines, and a progress bar is many lines that end with a carriage return.
        texts = [str(event.get("message", "")) for event in answer["events"]]
        lines = [line for text in texts for line in text.splitlines() or [""]]
        return lines[-count:]


def _explained(error: OrchestratorError, project: str) -> OrchestratorError:
    if not isinstance(error.__cause__, ClientError):
        return error
    code = error_code(error.__cause__)
    if code == "ResourceNotFoundException":
        return ConfigurationError(
            error.what, detail=f"CodeBuild has no project `{project}`", hint="run `orchestrator prebuild` first"
        )
    if code == "AccountLimitExceededException":
        return _full(error)
    if code.startswith("InvalidInput") and _ROLE.search(error.detail):
        return RoleUnknown(
            error.what,
            detail=error.detail,
            hint="either AWS has not made a new role known yet, then run this again; or the role's trust policy does "
            "not let CodeBuild take it, then compare it with the plan of `orchestrator prebuild`",
        )
    if code.startswith(("InvalidInput", "Idempoten")) and _MISMATCH.search(f"{code} {error.detail}"):
        return AskedDifferently(error.what, detail=error.detail, hint="retry the job")
    return error


def _full(error: OrchestratorError) -> OrchestratorError:
    """Return what a full queue means. A quota of none is what some new accounts have."""
    found = _FULL.search(error.detail)
    if found and int(found[1]) == 0:
        return ConfigurationError(
            error.what,
            detail=f"{error.detail}\nexpected: an account that may run builds",
            hint="ask AWS support to enable CodeBuild in this account and region: its quota of builds is 0",
        )
    return QueueFull(error.what, detail=error.detail, hint="wait for running builds to end, and retry the job")


def _batches(items: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(dict.fromkeys(items))
    while batch := list(islice(rest, _BATCH_LIMIT)):
        yield batch


def _project(item: Mapping[str, Any]) -> ProjectRecord:
    return ProjectRecord(
        name=item["name"],
        arn=item["arn"],
        tags={tag["key"]: tag["value"] for tag in item.get("tags", [])},
        variables=_plain_variables(item.get("environment", {})),
        modified=item.get("lastModified"),
    )


def _build(item: Mapping[str, Any]) -> BuildRecord:
    logs, environment = item.get("logs", {}), item.get("environment", {})
    return BuildRecord(
        id=item["id"],
        arn=item["arn"],
        project=item["projectName"],
        status=item["buildStatus"],
        complete=bool(item.get("buildComplete")),
        phases=tuple(_phase(phase) for phase in item.get("phases", [])),
        variables=_plain_variables(environment),
        exported={pair["name"]: pair.get("value", "") for pair in item.get("exportedEnvironmentVariables", [])},
        log_group=logs.get("groupName"),
        log_stream=logs.get("streamName"),
        started=item.get("startTime"),
        ended=item.get("endTime"),
        number=item.get("buildNumber"),
        initiator=item.get("initiator", ""),
        image=environment.get("image", ""),
        machine=environment.get("type", ""),
        size=environment.get("computeType", ""),
        stored_log=_stored_log(logs),
        logs_disabled=logs.get("cloudWatchLogs", {}).get("status") == "DISABLED",
    )


def _stored_log(logs: Mapping[str, Any]) -> str:
    """Return where the log lies in S3, as `<bucket>/<key>`: what follows `:::` in its ARN."""
    return str(logs.get("s3LogsArn") or "").rpartition(":::")[2]


def _phase(item: Mapping[str, Any]) -> PhaseRecord:
    contexts = item.get("contexts", [])
    messages = [context.get("message", "") for context in contexts]
    return PhaseRecord(
        name=item["phaseType"],
        status=item.get("phaseStatus", ""),
        seconds=item.get("durationInSeconds"),
        message="; ".join(message.strip() for message in messages if message.strip()),
        code=" ".join(filter(None, (context.get("statusCode", "") for context in contexts))),
        began=item.get("startTime"),
    )


def _plain_variables(environment: Mapping[str, Any]) -> dict[str, str]:
    return {
        variable["name"]: variable["value"]
        for variable in environment.get("environmentVariables", [])
        if variable.get("type", "PLAINTEXT") == "PLAINTEXT"
    }
