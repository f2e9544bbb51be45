"""Make the record of a new build out of its project and the overrides of StartBuild."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.codebuild.projects import check_artifacts, check_source, normal_artifacts
from orchestrator.emulator.aws.codebuild.records import Record

INITIATOR = "emulator"

# StartBuild member -> member of the project's `source` / `environment` / of the build itself.
_SOURCE = {
    "sourceTypeOverride": "type",
    "sourceLocationOverride": "location",
    "sourceAuthOverride": "auth",
    "gitCloneDepthOverride": "gitCloneDepth",
    "gitSubmodulesConfigOverride": "gitSubmodulesConfig",
    "buildspecOverride": "buildspec",
    "insecureSslOverride": "insecureSsl",
    "reportBuildStatusOverride": "reportBuildStatus",
    "buildStatusConfigOverride": "buildStatusConfig",
}
_ENVIRONMENT = {
    "environmentTypeOverride": "type",
    "imageOverride": "image",
    "computeTypeOverride": "computeType",
    "certificateOverride": "certificate",
    "privilegedModeOverride": "privilegedMode",
    "registryCredentialOverride": "registryCredential",
    "imagePullCredentialsTypeOverride": "imagePullCredentialsType",
    "fleetOverride": "fleet",
    "hostKernelOverride": "hostKernel",
}
_BUILD = {
    "sourceVersion": "sourceVersion",
    "secondarySourcesOverride": "secondarySources",
    "secondarySourcesVersionOverride": "secondarySourceVersions",
    "cacheOverride": "cache",
    "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes",
    "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey",
}
_INHERITED = (
    "sourceVersion", "secondarySources", "secondarySourceVersions", "cache", "serviceRole",
    "timeoutInMinutes", "queuedTimeoutInMinutes", "encryptionKey", "vpcConfig", "fileSystemLocations",
)  # fmt: skip


def new_build(project: Mapping[str, Any], request: Mapping[str, Any], place: Place) -> Record:
    """Return the record of a build that has just been submitted, without its number.

    Beside the members of the shape `Build` it holds `projectArtifacts`, `projectSecondaryArtifacts` and
    `logsConfig`, which the runner needs. Raises InvalidInput when the overrides do not fit together.
    """
    source = dict(project["source"]) | _picked(request, _SOURCE)
    if source["type"] == "NO_SOURCE":
        source.pop("location", None)
    check_source(source)
    artifacts = normal_artifacts(request.get("artifactsOverride", project["artifacts"]), project["name"])
    secondary = request.get("secondaryArtifactsOverride", project.get("secondaryArtifacts", []))
    for one in (artifacts, *secondary):
        check_artifacts(one)
    identifier = f"{project['name']}:{uuid.uuid4()}"
    now = time.time()
    logs_config = request.get("logsConfigOverride", project.get("logsConfig", {}))
    return {
        **{name: project[name] for name in _INHERITED if name in project},
        **_picked(request, _BUILD),
        "id": identifier,
        "arn": place.build_arn(identifier),
        "projectName": project["name"],
        "initiator": INITIATOR,
        "startTime": now,
        "currentPhase": "SUBMITTED",
        "buildStatus": "IN_PROGRESS",
        "buildComplete": False,
        "phases": [{"phaseType": "SUBMITTED", "startTime": now}],
        "source": source,
        "environment": _environment(project["environment"], request),
        "artifacts": _artifacts_told(artifacts),
        "secondaryArtifacts": [_artifacts_told(one) for one in secondary],
        "logs": {},
        "projectArtifacts": artifacts,
        "projectSecondaryArtifacts": [normal_artifacts(one, project["name"]) for one in secondary],
        "logsConfig": logs_config,
    }


def merged_variables(
    project: Iterable[Mapping[str, str]], override: Iterable[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return the project's variables with those of the same name replaced and new ones added."""
    merged = {variable["name"]: dict(variable) for variable in project}
    for variable in override:
        merged[variable["name"]] = {"type": "PLAINTEXT"} | dict(variable)
    return list(merged.values())


def _environment(project: Mapping[str, Any], request: Mapping[str, Any]) -> Record:
    variables = merged_variables(
        project.get("environmentVariables", []), request.get("environmentVariablesOverride", [])
    )
    return dict(project) | _picked(request, _ENVIRONMENT) | {"environmentVariables": variables}


def _picked(request: Mapping[str, Any], names: Mapping[str, str]) -> Record:
    return {member: request[name] for name, member in names.items() if name in request}


def _artifacts_told(artifacts: Mapping[str, Any]) -> Record:
    names = ("overrideArtifactName", "encryptionDisabled", "artifactIdentifier", "bucketOwnerAccess")
    return {"location": ""} | {name: artifacts[name] for name in names if name in artifacts}
