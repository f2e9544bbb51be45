"""The projects of one account and region (AWS docs: API CreateProject, UpdateProject, ...)."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws.codebuild import arns, paging, records
from orchestrator.emulator.aws.codebuild.faults import InvalidInput, ResourceAlreadyExists, ResourceNotFound
from orchestrator.emulator.aws.codebuild.records import Record
from orchestrator.emulator.aws.container.buildspec import is_inline

_SORT_KEYS = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}
_REQUIRED = ("source", "artifacts", "environment", "serviceRole")
_OF_VISIBILITY = ("projectVisibility", "resourceAccessRole", "publicProjectAlias")
_NO_LIMIT = -1  # UpdateProject: takes a concurrency limit away


class Projects:
    """Projects as records in the shape `Project`, one file each below `directory`."""

    def __init__(self, directory: Path, place: arns.Place) -> None:
        self._directory = directory
        self._place = place
        self._lock = threading.RLock()
        self._records: dict[str, Record] = {
            content["project"]["name"]: content for _, content in records.load_all(directory, "*.json")
        }

    def create(self, request: dict[str, Any]) -> Record:
        """CreateProject."""
        with self._lock:
            name = request["name"]
            if name in self._records:
                arn = self._place.project_arn(name)
                raise ResourceAlreadyExists(f"Project already exists: {arn}")
            missing = [member for member in _REQUIRED if member not in request]
            if missing:
                raise InvalidInput(f"Invalid project: {', '.join(missing)} must not be null")
            now = time.time()
            project = self._defaults(name) | request | {"created": now}
            self._keep(project, started=0)
            return {"project": self.get(name)}

    def update(self, request: dict[str, Any]) -> Record:
        """UpdateProject: members that are given replace the old ones as a whole."""
        with self._lock:
            name = arns.project_name(request["name"])
            project = self.get(name) | request | {"name": name}
            self._keep(project, started=self._records[name]["started"])
            return {"project": self.get(name)}

    def update_visibility(self, request: dict[str, Any]) -> Record:
        """UpdateProjectVisibility; without a role the old one goes; nothing is published."""
        with self._lock:
            name = arns.project_name(request["projectArn"])
            kept = {key: value for key, value in self.get(name).items() if key not in _OF_VISIBILITY}
            project = kept | {key: request[key] for key in _OF_VISIBILITY if request.get(key)}
            if project["projectVisibility"] == "PUBLIC_READ":
                project["publicProjectAlias"] = uuid.uuid5(uuid.NAMESPACE_URL, project["arn"]).hex
            self._keep(project, started=self._records[name]["started"])
            return {"projectArn": project["arn"]} | {
                key: project[key] for key in ("projectVisibility", "publicProjectAlias") if key in project
            }

    def delete(self, request: dict[str, Any]) -> None:
        """DeleteProject; deleting what does not exist is no error, and builds stay."""
        with self._lock:
            name = arns.project_name(request["name"])
            if self._records.pop(name, None) is not None:
                (self._directory / f"{name}.json").unlink(missing_ok=True)

    def batch_get(self, request: dict[str, Any]) -> Record:
        """BatchGetProjects."""
        with self._lock:
            names = [(asked, arns.project_name(asked)) for asked in dict.fromkeys(request["names"])]
            return {
                "projects": [self.get(name) for _, name in names if name in self._records],
                "projectsNotFound": [asked for asked, name in names if name not in self._records],
            }

    def list_names(self, request: dict[str, Any]) -> Record:
        """ListProjects, by name and ascending when nothing else is asked for."""
        key = _SORT_KEYS[request.get("sortBy", "NAME")]
        with self._lock:
            projects = sorted((content["project"] for content in self._records.values()), key=lambda one: one[key])
        if request.get("sortOrder") == "DESCENDING":
            projects.reverse()
        names, token = paging.page([project["name"] for project in projects], request.get("nextToken"))
        return {"projects": names, "nextToken": token}

    def get(self, name_or_arn: str) -> Record:
        """Return a copy of one project; raise ResourceNotFound."""
        name = arns.project_name(name_or_arn)
        with self._lock:
            if name not in self._records:
                raise ResourceNotFound(f"Project cannot be found: {self._place.project_arn(name)}")
            return copy.deepcopy(self._records[name]["project"])

    def next_build_number(self, name: str) -> int:
        """Count one more build of project `name`, and return its number (from 1)."""
        with self._lock:
            content = self._records[name]
            self._keep(content["project"], started=content["started"] + 1, touch=False)
            return int(self._records[name]["started"])

    def _keep(self, project: Record, *, started: int, touch: bool = True) -> None:
        project = _normal(project)
        if touch:
            project["lastModified"] = time.time()
        content = {"project": project, "started": started}
        records.save(self._directory / f"{project['name']}.json", content)
        self._records[project["name"]] = content

    def _defaults(self, name: str) -> Record:
        return {
            "arn": self._place.project_arn(name),
            "badge": {"badgeEnabled": False},
            "cache": {"type": "NO_CACHE"},
            "encryptionKey": self._place.default_key_arn(),
            "projectVisibility": "PRIVATE",
            "queuedTimeoutInMinutes": 480,
            "tags": [],
            "timeoutInMinutes": 60,
        }


def check_source(source: Mapping[str, Any]) -> None:
    """Raise InvalidInput for a source that cannot work."""
    kind, location = source["type"], source.get("location", "")
    if kind == "NO_SOURCE":
        if not is_inline(source.get("buildspec", "")):
            raise InvalidInput("Project source type NO_SOURCE requires an inline buildspec")
        if location:
            raise InvalidInput("Invalid project source: location must be empty for source type NO_SOURCE")
    elif kind != "CODEPIPELINE" and not location:
        raise InvalidInput(f"Invalid project source: location must not be empty for source type {kind}")


def check_artifacts(artifacts: Mapping[str, Any]) -> None:
    """Raise InvalidInput for artifacts that cannot be stored."""
    if artifacts["type"] == "S3" and not artifacts.get("location"):
        raise InvalidInput("Invalid artifacts: location must not be empty for artifacts type S3")


def normal_artifacts(artifacts: Mapping[str, Any], project: str) -> Record:
    """Return ProjectArtifacts with the members that the service fills in."""
    if artifacts["type"] != "S3":
        return dict(artifacts)
    defaults = {"name": project, "packaging": "NONE", "namespaceType": "NONE", "encryptionDisabled": False}
    return defaults | dict(artifacts)


def _normal(project: Record) -> Record:
    """Return `project` checked, and with what the service fills into its parts."""
    check_source(project["source"])
    artifacts = [project["artifacts"], *project.get("secondaryArtifacts", [])]
    for one in artifacts:
        check_artifacts(one)
    environment = {"imagePullCredentialsType": "CODEBUILD", "privilegedMode": False} | project["environment"]
    environment["environmentVariables"] = [
        {"type": "PLAINTEXT"} | variable for variable in environment.get("environmentVariables", [])
    ]
    project = project | {
        "environment": environment,
        "source": {"insecureSsl": False} | project["source"],
        "artifacts": normal_artifacts(project["artifacts"], project["name"]),
    }
    if "badgeEnabled" in project:
        project["badge"] = {"badgeEnabled": project.pop("badgeEnabled")}
    if project.get("concurrentBuildLimit") == _NO_LIMIT:
        del project["concurrentBuildLimit"]
    if not project.get("vpcConfig", {"vpcId": ""}).get("vpcId"):
        project.pop("vpcConfig", None)
    return project
