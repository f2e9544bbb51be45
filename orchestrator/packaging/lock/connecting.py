"""Connections that look a name up once for all of them: a dozen lookups at once is what small resolvers drop."""

from __future__ import annotations

import socket
import threading
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

_known: dict[tuple[str, int], tuple[str, ...]] = {}
_lock = threading.Lock()


def addresses(host: str, port: int) -> tuple[str, ...]:
    """Return the numeric addresses of a host in the order to try them; raises `socket.gaierror`."""
    with _lock:
        if (host, port) not in _known:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            _known[host, port] = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
        return _known[host, port]


class _Remembering:
    """What both kinds of connection have in common: how the socket is made."""

    def _new_conn(self: Any) -> socket.socket:
        host, port = self._dns_host, int(self.port)
        try:
            found = addresses(host, port)
        except (socket.gaierror, UnicodeError) as error:
            reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(host, self, reason) from error
        failed: OSError = OSError("no address")
        for address in found:
            try:
                return create_connection(
                    (address, port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                failed = error
        with _lock:
            _known.pop((host, port), None)
        if isinstance(failed, TimeoutError):
            raise ConnectTimeoutError(self, f"connecting to {host} timed out") from failed
        raise NewConnectionError(self, f"cannot connect to {host}: {failed}") from failed


class _Http(_Remembering, HTTPConnection):
    pass


class _Https(_Remembering, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


def remembering(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Return the manager with such connections."""
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager
