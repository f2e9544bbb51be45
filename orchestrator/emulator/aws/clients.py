"""boto3 clients of the emulator's own services, for what a build does on its own account."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from orchestrator.emulator.injection.calls import INTERNAL_AGENT

ACCESS_KEY_ID = "AKIAEMULATOREMULATOR"
SECRET_ACCESS_KEY = "emulator/not-a-secret/only-on-loopback"  # noqa: S105 - a fixed value that opens nothing


class Clients:
    """Clients for one region, made when first asked for (one takes about 100 ms) and then shared."""

    def __init__(self, url: Callable[[], str], region: str) -> None:
        self._url = url
        self._region = region
        self._lock = threading.Lock()

    @functools.cached_property
    def s3(self) -> Any:
        """Return the S3 client."""
        return self._client("s3")

    @functools.cached_property
    def ssm(self) -> Any:
        """Return the Parameter Store client."""
        return self._client("ssm")

    @functools.cached_property
    def secretsmanager(self) -> Any:
        """Return the Secrets Manager client."""
        return self._client("secretsmanager")

    @functools.cached_property
    def logs(self) -> Any:
        """Return the CloudWatch Logs client."""
        return self._client("logs")

    @functools.cached_property
    def sqs(self) -> Any:
        """Return the SQS client."""
        return self._client("sqs")

    def _client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        with self._lock:  # boto3 sessions are not made for several threads, its clients are
            session: Any = boto3.session.Session(
                aws_access_key_id=ACCESS_KEY_ID,
                aws_secret_access_key=SECRET_ACCESS_KEY,
                region_name=self._region,
            )
            config = Config(
                proxies={},
                retries={"mode": "standard"},
                s3={"addressing_style": "path"},
                user_agent_extra=INTERNAL_AGENT,
            )
            return session.client(service, endpoint_url=self._url(), config=config)
