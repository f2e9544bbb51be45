"""AWS on one port: CodeBuild is ours, S3 is moto's behind a few stricter rules, the rest is moto's."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws import s3
from orchestrator.emulator.aws.background import Background
from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.codebuild.protocol import TARGET_PREFIX
from orchestrator.emulator.aws.codebuild.service import CodeBuild
from orchestrator.emulator.aws.container.run import Host
from orchestrator.emulator.aws.container.slots import Slots
from orchestrator.emulator.aws.events.bus import Bus
from orchestrator.emulator.aws.functions import api
from orchestrator.emulator.aws.functions.asynchronous import Invocations
from orchestrator.emulator.aws.functions.code import keep_code
from orchestrator.emulator.aws.functions.logs import Writer
from orchestrator.emulator.aws.functions.run import Runner
from orchestrator.emulator.aws.functions.settings import keep_settings
from orchestrator.emulator.aws.functions.unpacked import Unpacked
from orchestrator.emulator.aws.functions.versions import keep_versions_apart
from orchestrator.emulator.aws.log_reads import keep_log_rules
from orchestrator.emulator.injection import calls, front
from orchestrator.emulator.injection.engine import Faults

StartResponse = Callable[..., Any]
_CONCURRENT_BUILDS = 10


@dataclass(frozen=True)
class Region:
    """What is ours in one region."""

    codebuild: CodeBuild
    runner: Runner
    invoke: api.Invoke


class AwsEmulator:
    """A WSGI application that AWS clients take for AWS.

    CodeBuild's state and the files and logs of builds live in `directory`; everything else lives in
    memory and ends with the process. `self_url` tells where this application is served, because builds
    and their logs use it as any client does. `minute_seconds` shortens build and queue time-outs, and the
    waits of asynchronous functions. `faults` are what it is to do wrong.
    """

    def __init__(
        self,
        directory: Path,
        *,
        region: str,
        account_id: str,
        self_url: Callable[[], str],
        minute_seconds: float = 60.0,
        faults: Faults | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self._directory = directory / "codebuild"
        self._unpacked = Unpacked(directory / "functions")
        self._background = Background()
        self._account_id = account_id
        self._self_url = self_url
        self._minute_seconds = minute_seconds
        self._slots = Slots(_CONCURRENT_BUILDS)
        self._region = region
        self._lock = threading.Lock()
        self._regions: dict[str, Region] = {}
        # With this variable moto would know one account only, and nothing could belong to somebody else.
        os.environ.pop("MOTO_ACCOUNT_ID", None)
        for folder in self._directory.glob("*/builds"):
            self._served(folder.parent.name)

    def wsgi(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request of any AWS service."""
        call = calls.identify(environ) if self.faults.active else None
        answer = self.faults.take(call.service, call.operation) if call else None
        if call is None or answer is None:
            return self._right(environ, start_response)
        found = call

        def role_arn() -> str:
            return self._served(found.region).codebuild.role_of(calls.json_body(environ))

        refuse = front.aws_errors(call, role_arn)
        holding = self.faults.holding(f"{call.service} {call.operation}")
        return front.spoil(answer, self._right, environ, start_response, refuse, holding)

    def close(self) -> None:
        """Stop every build and function and kill their processes; call it while the application is still served."""
        self._background.end()
        for region in self._regions.values():
            region.codebuild.close()
            region.runner.close()
        self._background.join()

    def _right(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request as it should be."""
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith(TARGET_PREFIX):
            return self._served(self._asked_region(environ)).codebuild.wsgi(environ, start_response)
        if api.is_invocation(environ):
            return self._served(self._asked_region(environ)).invoke.wsgi(environ, start_response)
        return self._others(environ, start_response)

    @functools.cached_property
    def _others(self) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
        """Return moto's application (importing moto takes about a second, so it waits until it is needed)."""
        with self._lock:
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

            s3.forget_bucket_policies()
            keep_settings()
            keep_code()
            keep_versions_apart()
            keep_log_rules()
            return s3.guard(DomainDispatcherApplication(create_backend_app), self._account_id)

    def _served(self, region: str) -> Region:
        with self._lock:
            if region not in self._regions:
                self._regions[region] = self._make(Place(self._account_id, region))
            return self._regions[region]

    def _make(self, place: Place) -> Region:
        clients = Clients(self._self_url, place.region)
        runner = Runner(self._unpacked, place, self._self_url, Writer(clients))
        invocations = Invocations(place, runner, clients, self._background, self._minute_seconds)
        bus = Bus(place, clients, invocations, self.faults, self._background)
        host = Host(clients, self._self_url, place, self._slots, self._minute_seconds)
        codebuild = CodeBuild(self._directory / place.region, place, host, bus.announce, self.faults)
        return Region(codebuild, runner, api.Invoke(place, runner, invocations))

    def _asked_region(self, environ: dict[str, Any]) -> str:
        """Return the region for which the request is signed (`Credential=KEY/date/region/service/...`)."""
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
        region = scope[2] if len(scope) > 3 else ""
        return region if region.replace("-", "").isalnum() else self._region
