"""Send a build's log to CloudWatch Logs: group, stream, and the members of `logs` in the build."""

from __future__ import annotations

import logging
import urllib.parse
from collections.abc import Sequence
from typing import Any

from orchestrator.emulator.aws.codebuild import arns
from orchestrator.emulator.aws.codebuild.build import Build
from orchestrator.emulator.aws.container.logs import BuildLog, Event

_log = logging.getLogger(__name__)


def connect(build: Build, log: BuildLog, client: Any, place: arns.Place) -> None:
    """Make the log stream, tell it in the build's record, and have `log` sent there from now on.

    The group is `/aws/codebuild/<project>` and the stream the build's uuid, unless the project says
    otherwise (a configured stream name becomes a prefix: `name/uuid`). Does nothing when disabled.
    """
    record = build.snapshot()
    config = record["logsConfig"].get("cloudWatchLogs", {"status": "ENABLED"})
    if config["status"] != "ENABLED":
        build.update(logs={"cloudWatchLogs": config})
        return
    group = config.get("groupName") or f"/aws/codebuild/{record['projectName']}"
    uuid = arns.build_uuid(record["id"])
    stream = f"{config['streamName']}/{uuid}" if config.get("streamName") else uuid
    for create, request in (
        (client.create_log_group, {"logGroupName": group}),
        (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        try:
            create(**request)
        except client.exceptions.ResourceAlreadyExistsException:
            continue
    build.update(logs={
        "groupName": group,
        "streamName": stream,
        "deepLink": _deep_link(place.region, group, stream),
        "cloudWatchLogsArn": place.log_stream_arn(group, stream),
        "cloudWatchLogs": config,
    })  # fmt: skip

    def deliver(events: Sequence[Event]) -> None:
        entries = [{"timestamp": timestamp, "message": text} for timestamp, text in events]
        try:
            client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=entries)
        except Exception as error:  # noqa: BLE001 - a log that cannot be sent never fails a build
            _log.warning("log of %s not sent: %s", record["id"], error)

    log.send_to(deliver)


def _deep_link(region: str, group: str, stream: str) -> str:
    place = f"group={urllib.parse.quote(group, safe='')};stream={urllib.parse.quote(stream, safe='')}"
    return f"https://console.aws.amazon.com/cloudwatch/home?region={region}#logEvent:{place}"
