"""One AWS emulator for all tests of this folder, and real boto3 clients for it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from orchestrator.emulator.aws.app import AwsEmulator
from orchestrator.emulator.server import Server

REGION = "eu-central-1"
ACCOUNT = "123456789012"


class World:
    """An emulator that is served, with what tests do to it most."""

    def __init__(self, directory: Path, *, minute_seconds: float = 60.0) -> None:
        self.directory = directory
        self.emulator = AwsEmulator(
            directory,
            region=REGION,
            account_id=ACCOUNT,
            self_url=lambda: self.server.url,
            minute_seconds=minute_seconds,
        )
        self.server = Server(self.emulator.wsgi, 0)
        self.server.start()
        self._clients: dict[str, Any] = {}

    def client(self, service: str, *, key: str = "AKIATESTTESTTESTTEST", region: str = REGION) -> Any:
        """Return a boto3 client of `service`."""
        name = f"{service} {key} {region}"
        if name not in self._clients:
            self._clients[name] = boto3.client(
                service,
                endpoint_url=self.server.url,
                aws_access_key_id=key,
                aws_secret_access_key="test",
                region_name=region,
                config=Config(proxies={}, retries={"total_max_attempts": 1}),
            )
        return self._clients[name]

    def project(self, buildspec: str, **members: Any) -> str:
        """Create a project without source around an inline buildspec; return its name."""
        name = f"p-{uuid.uuid4().hex[:12]}"
        request: dict[str, Any] = {
            "name": name,
            "source": {"type": "NO_SOURCE", "buildspec": buildspec},
            "artifacts": {"type": "NO_ARTIFACTS"},
            "environment": {
                "type": "ARM_CONTAINER",
                "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
                "computeType": "BUILD_GENERAL1_SMALL",
            },
            "serviceRole": f"arn:aws:iam::{ACCOUNT}:role/build",
        }
        self.client("codebuild").create_project(**request | members)
        return name

    def build(self, buildspec: str, *, start: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        """Run `buildspec` to its end and return the build."""
        name = self.project(buildspec, **members)
        started = self.client("codebuild").start_build(projectName=name, **(start or {}))["build"]
        return self.finished(started["id"])

    def finished(self, build_id: str, seconds: float = 20) -> dict[str, Any]:
        """Wait for the end of a build and return it."""
        return self.wait_for(build_id, lambda build: build["buildComplete"], seconds)

    def wait_for(
        self, build_id: str, condition: Callable[[dict[str, Any]], bool], seconds: float = 20
    ) -> dict[str, Any]:
        """Wait until `condition` holds for a build and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            build: dict[str, Any] = self.client("codebuild").batch_get_builds(ids=[build_id])["builds"][0]
            if condition(build):
                return build
            time.sleep(0.02)
        raise AssertionError(f"build did not get there: {build}")

    def log(self, build: dict[str, Any]) -> str:
        """Return the whole log of a build from CloudWatch Logs."""
        logs = build["logs"]
        events = self.client("logs").get_log_events(
            logGroupName=logs["groupName"], logStreamName=logs["streamName"], startFromHead=True
        )["events"]
        return "".join(event["message"] for event in events)

    def output(self, build: dict[str, Any]) -> list[str]:
        """Return the lines that commands wrote (those of CodeBuild itself are left out)."""
        return [line for line in self.log(build).splitlines() if not line.startswith("[Container]")]

    def close(self) -> None:
        """End everything."""
        self.emulator.close()
        self.server.close()


def phases(build: dict[str, Any]) -> dict[str, str]:
    """Return phase -> status."""
    return {phase["phaseType"]: phase.get("phaseStatus", "") for phase in build["phases"]}


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return the emulator that most tests share."""
    world = World(tmp_path_factory.mktemp("aws"))
    yield world
    world.close()


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[World]:
    """Return an emulator whose minutes last a tenth of a second."""
    world = World(tmp_path, minute_seconds=0.1)
    yield world
    world.close()


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    """Return the function that makes further emulators."""
    return World


@pytest.fixture(scope="session")
def phase_status() -> Callable[[dict[str, Any]], dict[str, str]]:
    """Return the function that tells phase -> status of a build."""
    return phases
