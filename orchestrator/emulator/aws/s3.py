"""Where moto's S3 is not S3: bucket owners, racing `If-None-Match`, and bucket policies with conditions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message>"
    b"<RequestId>emulator</RequestId><HostId>emulator</HostId></Error>"
)


def guard(application: Application, account_id: str) -> Application:
    """Return `application` (moto) with the rules in front of it; other services are not touched.

    A request whose `x-amz-expected-bucket-owner` is not the bucket's owner gets 403 AccessDenied. Writes
    with `If-None-Match` go one at a time, so that of two at once exactly one wins (412 for the other).
    """
    one_at_a_time = threading.Lock()

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not _owner_as_expected(environ, account_id):
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(_DENIED)))]
            start_response("403 Forbidden", headers)
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [_DENIED]
        if environ["REQUEST_METHOD"] in ("PUT", "POST") and "HTTP_IF_NONE_MATCH" in environ:
            with one_at_a_time:
                return list(application(environ, start_response))
        return application(environ, start_response)

    return guarded


def forget_bucket_policies() -> None:
    """Make moto store bucket policies without acting on them.

    moto enforces their statements but not their conditions, so a policy that denies everything that is not TLS
    denies everything; and loopback is not TLS in any case.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL  # type: ignore[method-assign]


def _owner_as_expected(environ: dict[str, Any], account_id: str) -> bool:
    pairs = (
        (environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER"), environ.get("PATH_INFO", "")),
        (environ.get("HTTP_X_AMZ_SOURCE_EXPECTED_BUCKET_OWNER"), environ.get("HTTP_X_AMZ_COPY_SOURCE", "")),
    )
    return all(not expected or expected == _owner(path, account_id) for expected, path in pairs)


def _owner(path: str, account_id: str) -> str:
    from moto.s3.models import s3_backends

    bucket = path.lstrip("/").partition("/")[0]
    _, owner = s3_backends.bucket_accounts.get(bucket, ("aws", account_id))
    return str(owner)
