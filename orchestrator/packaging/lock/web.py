"""HTTP for package indexes and their files: bounded retries, proxies, and passwords only for their own host."""

from __future__ import annotations

import random
import ssl
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError
from orchestrator.packaging.lock.answers import PARALLEL, Interrupted, Page
from orchestrator.packaging.lock.connecting import remembering
from orchestrator.packaging.lock.credentials import Credentials, origin_of, public

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_ATTEMPTS = 5
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_FIRST_WAIT_SECONDS = 0.4
_LONGEST_WAIT_SECONDS = 60.0
_REDIRECTS = 8
_TIMEOUT = urllib3.Timeout(connect=15, read=60)


class Web:
    """A client for many threads. `insecure_hosts` are `--trusted-host`: their certificates are not checked."""

    def __init__(
        self,
        credentials: Credentials,
        insecure_hosts: Collection[str] = (),
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credentials, self._wait = credentials, wait
        self._insecure = {host.lower() for host in insecure_hosts}
        self._proxies: dict[str, urllib3.PoolManager] = {}

    def page(self, url: str, headers: Mapping[str, str], limit_bytes: int) -> Page:
        """Return a page; raises MachineryError (network), ConfigurationError (not allowed)."""

        def read() -> Page:
            with self.answer(url, {"Accept-Encoding": "gzip", **headers}) as (response, final):
                body = response.read(limit_bytes + 1, decode_content=True)
                if len(body) > limit_bytes:
                    raise BuildFailed(
                        f"the answer of `{public(url)}` is too long", detail=f"limit: {limit_bytes} bytes"
                    )
                return Page(final, response.status, response.headers.get("Content-Type", ""), body)

        return self.attempts(url, read)

    def attempts(self, url: str, action: Callable[[], Page]) -> Page:
        """Call `action` until it is not interrupted; raises MachineryError when that never happens."""
        for attempt in range(_ATTEMPTS):
            try:
                return action()
            except Interrupted as error:
                reason = str(error)
                if attempt + 1 < _ATTEMPTS:
                    self._wait(_pause_seconds(attempt, error.wait_seconds))
        raise MachineryError(
            f"cannot get `{public(url)}`",
            detail=f"observed: {reason}, {_ATTEMPTS} times",
            hint="try again; check that this machine can reach the host",
        )

    @contextmanager
    def answer(self, url: str, headers: Mapping[str, str]) -> Iterator[tuple[BaseHTTPResponse, str]]:
        """Give the answer and where it came from, its body not yet read.

        Raises Interrupted, ConfigurationError (401, 403) and BuildFailed (other answers that are no success).
        """
        response, final = self._followed(url, headers)
        try:
            self._check(response, final)
            yield response, final
        except (HTTPError, HTTPException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
                raise
            raise Interrupted(_words(error)) from None
        finally:
            response.close()
            response.release_conn()

    def _followed(self, url: str, headers: Mapping[str, str]) -> tuple[BaseHTTPResponse, str]:
        for _ in range(_REDIRECTS):
            response = self._request(url, headers)
            place = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not place:
                return response, url
            response.drain_conn()
            response.release_conn()
            url = urljoin(url, place)
            if urlsplit(url).scheme not in ("http", "https"):
                break
        raise BuildFailed(f"`{public(url)}` redirects for ever", hint="correct the URL of the index")

    def _request(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        try:
            return self._pool(url).request(
                "GET",
                public(url),
                headers={"User-Agent": "codebuild-orchestrator", **headers, **self._credentials.header(url)},
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=_TIMEOUT,
            )
        except LocationParseError as error:
            raise BuildFailed(f"`{public(url)}` is no URL", detail=str(error), hint="correct it") from None
        except (HTTPError, HTTPException, OSError) as error:
            raise Interrupted(_words(error)) from None

    def _check(self, response: BaseHTTPResponse, url: str) -> None:
        if response.status in _AGAIN:
            raise Interrupted(f"HTTP {response.status}", _retry_after(response.headers.get("Retry-After", "")))
        if response.status in (401, 403, 407):
            raise ConfigurationError(
                f"`{origin_of(url)[1]}` does not let us in",
                detail=f"observed: HTTP {response.status} for `{public(url)}`",
                hint="give the password in UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, or in a netrc file",
            )
        if response.status not in (200, 404, 410):
            raise BuildFailed(
                f"cannot get `{public(url)}`", detail=f"observed: HTTP {response.status}", hint="check the URL"
            )

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = self._environment_proxies.get(parts.scheme) or self._environment_proxies.get("all", "")
        if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
            proxy = ""
        insecure = (parts.hostname or "").lower() in self._insecure or parts.netloc.lower() in self._insecure
        key = f"{insecure} {proxy}"
        if key not in self._proxies:
            self._proxies[key] = _manager(proxy, insecure=insecure)
        return self._proxies[key]

    @cached_property
    def _environment_proxies(self) -> dict[str, str]:
        return urllib.request.getproxies()


def _manager(proxy: str, *, insecure: bool) -> urllib3.PoolManager:
    context = ssl.create_default_context()  # SSL_CERT_FILE and SSL_CERT_DIR are OpenSSL's own
    if insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if not proxy:
        return remembering(urllib3.PoolManager(maxsize=PARALLEL, ssl_context=context))
    address = proxy if "://" in proxy else f"http://{proxy}"
    parts = urlsplit(address)
    secret = urllib3.make_headers(proxy_basic_auth=parts.netloc.rpartition("@")[0]) if "@" in parts.netloc else None
    return remembering(
        urllib3.ProxyManager(public(address), maxsize=PARALLEL, ssl_context=context, proxy_headers=secret)
    )


def _pause_seconds(attempt: int, asked_seconds: float | None) -> float:
    """Return how long to wait: as long as the server asks, else longer each time; never in step with others."""
    wait = _FIRST_WAIT_SECONDS * 2**attempt if asked_seconds is None else asked_seconds
    return min(wait * random.uniform(1.0, 1.5), _LONGEST_WAIT_SECONDS)  # noqa: S311 - jitter, not a secret


def _retry_after(text: str) -> float | None:
    return float(text) if text.isdecimal() else None


def _words(error: Exception) -> str:
    """Return a short reason; the text of urllib3 can hold a proxy's address, so only the innermost is shown."""
    cause = getattr(error, "reason", None) or error
    text = str(cause).rpartition(">: ")[2] if isinstance(cause, Exception) else str(cause)
    return f"{type(error).__name__}: {text}"[:300]
