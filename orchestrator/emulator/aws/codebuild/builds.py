"""The builds of one account and region: start, stop, retry, list, delete."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws.codebuild import arns, compose, paging, records
from orchestrator.emulator.aws.codebuild.build import FILE_NAME, Build
from orchestrator.emulator.aws.codebuild.faults import AccountLimitExceeded, InvalidInput, ResourceNotFound
from orchestrator.emulator.aws.codebuild.idempotency import Tokens
from orchestrator.emulator.aws.codebuild.projects import Projects
from orchestrator.emulator.aws.codebuild.records import Record
from orchestrator.vocabulary import BuildStatus

_STOP_SECONDS = 2.0

Run = Callable[[Build], None]
Announce = Callable[[Record], None]


class Builds:
    """Builds below `directory`, one folder each; `run` executes a build to its end, in a thread of its own.

    `announce` gets the record of every build when it has started, and when it has ended.
    """

    def __init__(
        self, directory: Path, place: arns.Place, projects: Projects, run: Run, announce: Announce = lambda _: None
    ) -> None:
        self._directory = directory
        self._place = place
        self._projects = projects
        self._run = run
        self._announce = announce
        self._lock = threading.RLock()
        self._tokens = Tokens()
        self._threads: list[threading.Thread] = []
        loaded = (Build.load(path, content) for path, content in records.load_all(directory, f"*/{FILE_NAME}"))
        self._builds = {build.id: build for build in sorted(loaded, key=lambda one: one.snapshot()["startTime"])}

    def interrupted(self) -> list[Build]:
        """Return the builds that were running when the emulator ended."""
        return [build for build in self._builds.values() if build.running]

    def start(self, request: dict[str, Any]) -> Record:
        """StartBuild."""
        with self._lock:
            known = self._tokens.known_build("StartBuild", request)
            build = self._builds[known] if known else self._begin(request)
            self._tokens.remember("StartBuild", request, build.id)
        return {"build": build.snapshot()}

    def retry(self, request: dict[str, Any]) -> Record:
        """RetryBuild: the same overrides, on the project as it is now."""
        with self._lock:
            known = self._tokens.known_build("RetryBuild", request)
            if known:
                return {"build": self._builds[known].snapshot()}
            if "id" not in request:
                raise InvalidInput("Build id must not be null")
            old = self._get(request["id"])
            if old.running:
                raise InvalidInput(f"Build {old.id} is still in progress and cannot be retried")
            build = self._begin(old.request)
            self._tokens.remember("RetryBuild", request, build.id)
        return {"build": build.snapshot()}

    def stop(self, request: dict[str, Any]) -> Record:
        """StopBuild; a build that has ended stays as it is."""
        build = self._get(request["id"])
        build.stopped.set()
        if build.running:
            build.finished.wait(_STOP_SECONDS)
        return {"build": build.snapshot()}

    def batch_get(self, request: dict[str, Any]) -> Record:
        """BatchGetBuilds."""
        asked = [(one, arns.build_id(one)) for one in dict.fromkeys(request["ids"])]
        return {
            "builds": [self._builds[one].snapshot() for _, one in asked if one in self._builds],
            "buildsNotFound": [name for name, one in asked if one not in self._builds],
        }

    def list_all(self, request: dict[str, Any]) -> Record:
        """ListBuilds, newest first when nothing else is asked for."""
        return self._listed([build.id for build in list(self._builds.values())], request)

    def list_for_project(self, request: dict[str, Any]) -> Record:
        """ListBuildsForProject."""
        name = self._projects.get(request["projectName"])["name"]
        return self._listed([build.id for build in list(self._builds.values()) if build.project == name], request)

    def batch_delete(self, request: dict[str, Any]) -> Record:
        """BatchDeleteBuilds; a running build is not deleted."""
        deleted: list[str] = []
        kept: list[Record] = []
        with self._lock:
            for identifier in (arns.build_id(one) for one in request["ids"]):
                build = self._builds.get(identifier)
                if build is None:
                    kept.append({"id": identifier, "statusCode": "BUILD_NOT_FOUND"})
                elif build.running:
                    kept.append({"id": identifier, "statusCode": "BUILD_IN_PROGRESS"})
                else:
                    del self._builds[identifier]
                    shutil.rmtree(build.folder, ignore_errors=True)
                    deleted.append(self._place.build_arn(identifier))
        return {"buildsDeleted": deleted, "buildsNotDeleted": kept}

    def close(self) -> None:
        """Stop every build and wait until all have come to their end."""
        for build in list(self._builds.values()):
            build.stopped.set()
        for thread in list(self._threads):
            thread.join(timeout=15)

    def _begin(self, request: dict[str, Any], previous: Build | None = None) -> Build:
        project = self._projects.get(request["projectName"])
        self._check_limit(project)
        record = compose.new_build(project, request, self._place)
        record["buildNumber"] = self._projects.next_build_number(project["name"])
        limit = request.get("autoRetryLimitOverride", project.get("autoRetryLimit"))
        if limit is not None or previous is not None:
            record["autoRetryConfig"] = _auto_retry(limit, previous)
        build = Build(self._directory / arns.build_uuid(record["id"]), record, request)
        build.end_phase(BuildStatus.SUCCEEDED)
        self._announce(build.snapshot())
        build.begin("QUEUED")
        self._builds[build.id] = build
        thread = threading.Thread(target=self._run_and_follow_up, args=(build,), name=build.id, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return build

    def _run_and_follow_up(self, build: Build) -> None:
        self._run(build)
        self._announce(build.snapshot())
        with self._lock:
            record = build.snapshot()
            config = record.get("autoRetryConfig", {})
            number = config.get("autoRetryNumber", 0)
            limit = config.get("autoRetryLimit") or record.get("retriesAfterFailure", 0)
            if record["buildStatus"] != BuildStatus.FAILED.value or number >= limit or build.stopped.is_set():
                return
            try:
                following = self._begin(build.request, previous=build)
            except (AccountLimitExceeded, ResourceNotFound, InvalidInput):
                return
            build.update(autoRetryConfig=config | {"nextAutoRetry": following.snapshot()["arn"]})

    def _check_limit(self, project: Record) -> None:
        limit = project.get("concurrentBuildLimit")
        running = sum(build.running and build.project == project["name"] for build in self._builds.values())
        if limit is not None and running >= limit:
            raise AccountLimitExceeded(f"Cannot have more than {limit} active builds for the project")

    def _get(self, id_or_arn: str) -> Build:
        identifier = arns.build_id(id_or_arn)
        if ":" not in identifier:
            raise InvalidInput(f"Invalid build ID: {identifier}")
        if identifier not in self._builds:
            raise ResourceNotFound(f"Build cannot be found: {self._place.build_arn(identifier)}")
        return self._builds[identifier]

    def _listed(self, identifiers: list[str], request: dict[str, Any]) -> Record:
        if request.get("sortOrder", "DESCENDING") == "DESCENDING":
            identifiers.reverse()
        ids, token = paging.page(identifiers, request.get("nextToken"))
        return {"ids": ids, "nextToken": token}


def _auto_retry(limit: int | None, previous: Build | None) -> Record:
    config: Record = {"autoRetryLimit": limit, "autoRetryNumber": 0}
    if previous is not None:
        record = previous.snapshot()
        number = record.get("autoRetryConfig", {}).get("autoRetryNumber", 0)
        config |= {"autoRetryNumber": number + 1, "previousAutoRetry": record["arn"]}
    return config
