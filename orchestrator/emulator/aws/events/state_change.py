"""The event "CodeBuild Build State Change" (AWS docs: codebuild, sample-build-notifications-ref)."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from typing import Any

from orchestrator.emulator.aws.codebuild.arns import Place

Event = dict[str, Any]

DETAIL_TYPE = "CodeBuild Build State Change"
SOURCE = "aws.codebuild"


def state_change(build: Mapping[str, Any], place: Place) -> Event:
    """Return the event that tells the present status of `build`, a record as BatchGetBuilds has it.

    As on AWS it carries the plaintext variables of the build, and times in the style of Java's en-US.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": place.account_id,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": place.region,
        "resources": [build["arn"]],
        "detail": {
            "build-status": build["buildStatus"],
            "project-name": build["projectName"],
            "build-id": build["arn"],
            "additional-information": _more(build),
            "current-phase": build["currentPhase"],
            "current-phase-context": "[]",
            "version": "1",
        },
    }


def _more(build: Mapping[str, Any]) -> dict[str, Any]:
    artifacts = build.get("artifacts", {})
    artifact = {"md5sum": artifacts.get("md5sum"), "sha256sum": artifacts.get("sha256sum")}
    logs = build.get("logs", {})
    members = {
        "cache": {"type": build.get("cache", {}).get("type", "NO_CACHE")},
        "timeout-in-minutes": float(build["timeoutInMinutes"]),
        "queued-timeout-in-minutes": float(build["queuedTimeoutInMinutes"]),
        "build-complete": build["buildComplete"],
        "build-number": float(build["buildNumber"]),
        "initiator": build["initiator"],
        "build-start-time": _time(build["startTime"]),
        "source": {key: build["source"].get(key) for key in ("buildspec", "location", "type")},
        "source-version": build.get("sourceVersion"),
        "artifact": {**artifact, "location": artifacts.get("location", "")},
        "environment": _environment(build["environment"]),
        "project-file-system-locations": [],
        "logs": {
            "group-name": logs.get("groupName"),
            "stream-name": logs.get("streamName"),
            "deep-link": logs.get("deepLink"),
        },
        "phases": [_phase(phase) for phase in build["phases"]],
    }
    return {name: _without_nothing(value) for name, value in members.items() if value is not None}


def _environment(environment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "image": environment["image"],
        "privileged-mode": environment.get("privilegedMode", False),
        "image-pull-credentials-type": environment.get("imagePullCredentialsType"),
        "compute-type": environment["computeType"],
        "type": environment["type"],
        "environment-variables": [
            {key: variable[key] for key in ("name", "type", "value")}
            for variable in environment.get("environmentVariables", [])
        ],
    }


def _phase(phase: Mapping[str, Any]) -> dict[str, Any]:
    told = {"start-time": _time(phase["startTime"]), "phase-type": phase["phaseType"]}
    if "endTime" not in phase:
        return told
    contexts = [f"{one['statusCode']}: {one['message']}" for one in phase.get("contexts", []) if one["statusCode"]]
    return told | {
        "phase-context": contexts,
        "end-time": _time(phase["endTime"]),
        "duration-in-seconds": float(phase["durationInSeconds"]),
        "phase-status": phase["phaseStatus"],
    }


def _time(seconds: float) -> str:
    """Return `Sep 1, 2017 4:12:29 PM`, whatever the locale is."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.month - 1]
    half = "AM" if moment.hour < 12 else "PM"
    return f"{month} {moment.day}, {moment.year} {moment.hour % 12 or 12}:{moment:%M:%S} {half}"


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item is not None}
    return value
