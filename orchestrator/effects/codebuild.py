"""AWS CodeBuild and the logs of its builds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, client, error_code, member
from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError
from orchestrator.records import BuildRecord, PhaseRecord, ProjectRecord

# BatchGetProjects and BatchGetBuilds take 1 to 100 names or ids (CodeBuild API).
_BATCH_LIMIT = 100


class CodeBuildService:
    """CodeBuild in one region."""

    def __init__(self, region: str) -> None:
        self._region = region

    def projects(self, names: Sequence[str]) -> Mapping[str, ProjectRecord]:
        """Return the projects that exist, by name."""
        found: dict[str, ProjectRecord] = {}
        for batch in _batches(names):
            what = "cannot read the CodeBuild projects"
            with aws_errors(what):
                answer = self._client().batch_get_projects(names=batch)
            found.update((item["name"], _project(item)) for item in member(answer, "projects", what))
        return found

    def start(self, project: str, variables: Mapping[str, str], idempotency_token: str) -> BuildRecord:
        """Start a build; every variable is sent as PLAINTEXT, whatever its value looks like."""
        what = f"cannot start a build of `{project}`"
        try:
            with aws_errors(what):
                answer = self._client().start_build(
                    projectName=project,
                    environmentVariablesOverride=[
                        {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()
                    ],
                    idempotencyToken=idempotency_token,
                )
        except OrchestratorError as error:
            raise _explained(error, project) from error.__cause__
        return _build(member(answer, "build", what))

    def builds(self, build_ids: Sequence[str]) -> Mapping[str, BuildRecord]:
        """Return the builds that are known, by id."""
        found: dict[str, BuildRecord] = {}
        for batch in _batches(build_ids):
            what = "cannot read the builds"
            with aws_errors(what):
                answer = self._client().batch_get_builds(ids=batch)
            found.update((item["id"], _build(item)) for item in member(answer, "builds", what))
        return found

    def newest(self, project: str, *, limit: int) -> Sequence[BuildRecord]:
        """Return the newest builds of a project, the newest first, at most `limit` of them."""
        what = f"cannot list the builds of `{project}`"
        listed: list[str] = []
        page: dict[str, str] = {}
        while True:
            with aws_errors(what):
                answer = self._client().list_builds_for_project(projectName=project, sortOrder="DESCENDING", **page)
            listed += member(answer, "ids", what)
            if len(listed) >= limit or not answer.get("nextToken"):
                break
            page = {"nextToken": answer["nextToken"]}
        wanted = listed[:limit]
        found = self.builds(wanted)
        return [found[name] for name in wanted if name in found]

    def stop(self, build_id: str) -> BuildRecord:
        """Stop a build; one that has ended stays as it is, and is returned so (CodeBuild docs: stop-build)."""
        what = f"cannot stop the build `{build_id}`"
        with aws_errors(what):
            answer = self._client().stop_build(id=build_id)
        return _build(member(answer, "build", what))

    def _client(self) -> Any:
        return client("codebuild", self._region)


class CloudWatchLogs:
    """Build logs in CloudWatch Logs."""

    def __init__(self, region: str) -> None:
        self._region = region

    def last_lines(self, build: BuildRecord, count: int) -> Sequence[str]:
        """Return the last lines of a build's log, or none: a log that cannot be read decides nothing."""
        if not build.log_group or not build.log_stream:
            return []
        try:
            with aws_errors("cannot read the log"):
                answer = client("logs", self._region).get_log_events(
                    logGroupName=build.log_group, logStreamName=build.log_stream, limit=count, startFromHead=False
                )
            events = member(answer, "events", "cannot read the log")
        except OrchestratorError:
            return []
        # An event may hold several lines, and a progress bar is many lines that end with a carriage return.
        lines = [line for event in events for line in event["message"].splitlines() or [""]]
        return lines[-count:]


def _explained(error: OrchestratorError, project: str) -> OrchestratorError:
    code = error_code(error.__cause__) if isinstance(error.__cause__, ClientError) else ""
    if code == "ResourceNotFoundException":
        return ConfigurationError(
            error.what, detail=f"CodeBuild has no project `{project}`", hint="run `orchestrator prebuild` first"
        )
    if code == "AccountLimitExceededException":
        return MachineryError(
            error.what,
            detail=error.detail,
            hint="wait for running builds to end, or raise the concurrency quota of this compute type",
        )
    return error


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
    )


def _build(item: Mapping[str, Any]) -> BuildRecord:
    logs = item.get("logs", {})
    return BuildRecord(
        id=item["id"],
        arn=item["arn"],
        project=item["projectName"],
        status=item["buildStatus"],
        complete=bool(item.get("buildComplete")),
        phases=tuple(_phase(phase) for phase in item.get("phases", [])),
        variables=_plain_variables(item.get("environment", {})),
        exported={pair["name"]: pair.get("value", "") for pair in item.get("exportedEnvironmentVariables", [])},
        log_group=logs.get("groupName"),
        log_stream=logs.get("streamName"),
        started=item.get("startTime"),
        ended=item.get("endTime"),
    )


def _phase(item: Mapping[str, Any]) -> PhaseRecord:
    messages = [context.get("message", "") for context in item.get("contexts", [])]
    return PhaseRecord(
        name=item["phaseType"],
        status=item.get("phaseStatus", ""),
        seconds=item.get("durationInSeconds"),
        message="; ".join(message.strip() for message in messages if message.strip()),
    )


def _plain_variables(environment: Mapping[str, Any]) -> dict[str, str]:
    return {
        variable["name"]: variable["value"]
        for variable in environment.get("environmentVariables", [])
        if variable.get("type", "PLAINTEXT") == "PLAINTEXT"
    }
