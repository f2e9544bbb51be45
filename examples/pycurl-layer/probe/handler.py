"""Measures what a request spends its time on: name, connection, TLS, first and last byte."""

from __future__ import annotations

from typing import Any

import certifi
import pycurl

_TIMEOUT_SECONDS = 20
# libcurl counts each of them from the start of the request (man curl_easy_getinfo, "TIMES").
_MILESTONES = {
    "dns": pycurl.NAMELOOKUP_TIME,
    "connect": pycurl.CONNECT_TIME,
    "tls": pycurl.APPCONNECT_TIME,
    "first_byte": pycurl.STARTTRANSFER_TIME,
    "last_byte": pycurl.TOTAL_TIME,
}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the milestones of `GET event["url"]` in milliseconds since its start, its status and its size in bytes.

    A request that fails has `error` in place of `status`; what it reached until then is there all the same.
    """
    curl = pycurl.Curl()
    try:
        curl.setopt(pycurl.URL, event["url"])
        # The libcurl in the layer was built on another system, whose certificates are not here.
        curl.setopt(pycurl.CAINFO, certifi.where())
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TIMEOUT, _TIMEOUT_SECONDS)
        curl.setopt(pycurl.WRITEFUNCTION, lambda _block: None)
        return {**_outcome(curl), **_measured(curl), "libcurl": pycurl.version}
    finally:
        curl.close()


def _outcome(curl: pycurl.Curl) -> dict[str, Any]:
    try:
        curl.perform()
    except pycurl.error as error:
        return {"error": str(error.args[1])}
    return {"status": curl.getinfo(pycurl.RESPONSE_CODE)}


def _measured(curl: pycurl.Curl) -> dict[str, Any]:
    milliseconds = {name: round(curl.getinfo(what) * 1000, 1) for name, what in _MILESTONES.items()}
    return {"milliseconds": milliseconds, "bytes": int(curl.getinfo(pycurl.SIZE_DOWNLOAD))}
