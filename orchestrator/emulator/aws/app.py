"""AWS on one port: CodeBuild is ours, S3 is moto's behind a few stricter rules, the rest is moto's."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from orchestrator.emulator.aws import s3
from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.codebuild.protocol import TARGET_PREFIX
from orchestrator.emulator.aws.codebuild.service import CodeBuild
from orchestrator.emulator.aws.container.run import Host
from orchestrator.emulator.aws.container.slots import Slots

StartResponse = Callable[..., Any]
_CONCURRENT_BUILDS = 10


class AwsEmulator:
    """A WSGI application that AWS clients take for AWS.

    CodeBuild's state and the files and logs of builds live in `directory`; everything else lives in
    memory and ends with the process. `self_url` tells where this application is served, because builds
    and their logs use it as any client does. `minute_seconds` shortens build and queue time-outs.
    """

    def __init__(
        self,
        directory: Path,
        *,
        region: str,
        account_id: str,
        self_url: Callable[[], str],
        minute_seconds: float = 60.0,
    ) -> None:
        self._directory = directory / "codebuild"
        self._account_id = account_id
        self._self_url = self_url
        self._minute_seconds = minute_seconds
        self._slots = Slots(_CONCURRENT_BUILDS)
        self._region = region
        self._lock = threading.Lock()
        self._regions: dict[str, CodeBuild] = {}
        # With this variable moto would know one account only, and nothing could belong to somebody else.
        os.environ.pop("MOTO_ACCOUNT_ID", None)
        for folder in self._directory.glob("*/builds"):
            self._codebuild(folder.parent.name)

    def wsgi(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request of any AWS service."""
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith(TARGET_PREFIX):
            return self._codebuild(self._asked_region(environ)).wsgi(environ, start_response)
        return self._others(environ, start_response)

    def close(self) -> None:
        """Stop every build and kill its processes; call it while the application is still served."""
        for service in self._regions.values():
            service.close()

    @functools.cached_property
    def _others(self) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
        """Return moto's application (importing moto takes about a second, so it waits until it is needed)."""
        with self._lock:
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

            s3.forget_bucket_policies()
            return s3.guard(DomainDispatcherApplication(create_backend_app), self._account_id)

    def _codebuild(self, region: str) -> CodeBuild:
        with self._lock:
            if region not in self._regions:
                place = Place(self._account_id, region)
                host = Host(Clients(self._self_url, region), self._self_url, place, self._slots, self._minute_seconds)
                self._regions[region] = CodeBuild(self._directory / region, place, host)
            return self._regions[region]

    def _asked_region(self, environ: dict[str, Any]) -> str:
        """Return the region for which the request is signed (`Credential=KEY/date/region/service/...`)."""
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
        region = scope[2] if len(scope) > 3 else ""
        return region if region.replace("-", "").isalnum() else self._region
