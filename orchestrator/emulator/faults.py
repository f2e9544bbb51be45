"""Give a running emulator a script of faults, look at what it did, and take it away; for programs and for tests."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from orchestrator.emulator.control import Running
from orchestrator.emulator.injection.door import PATH, TOKEN_HEADER
from orchestrator.errors import ConfigurationError, MachineryError

_TIMEOUT_SECONDS = 30.0

Told = dict[str, Any]
Journal = list[dict[str, Any]]


def put(running: Running, script: Mapping[str, Any]) -> Told:
    """Put `script` in force in place of what was before; counts and journal begin anew.

    Returns what `show` returns. Raises ConfigurationError that lists all that is wrong with the script, and
    then nothing has changed.
    """
    return _ask(running, "PUT", json.dumps(script).encode())


def show(running: Running) -> Told:
    """Return `{"rules": [...], "journal": [...]}`: the rules with `calls` and `used`, and what was injected."""
    return _ask(running, "GET")


def clear(running: Running) -> Told:
    """Take all faults away; from here on everything is answered as it should be."""
    return _ask(running, "DELETE")


@contextmanager
def injected(running: Running, script: Mapping[str, Any]) -> Iterator[Callable[[], Journal]]:
    """Have `script` in force within a `with` block, or for a fixture that yields from one.

    Gives a function that returns the journal so far.
    """
    put(running, script)
    try:
        yield lambda: list(show(running)["journal"])
    finally:
        clear(running)


def _ask(running: Running, method: str, body: bytes | None = None) -> Told:
    headers = {TOKEN_HEADER: running.gitlab_token, "Content-Type": "application/json"}
    request = urllib.request.Request(running.gitlab_url + PATH, data=body, headers=headers, method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is behind no proxy
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            told: Told = json.load(response)
    except urllib.error.HTTPError as error:
        raise _refused(error) from None
    except (OSError, ValueError) as error:
        detail = f"{error}; expected its answer within {_TIMEOUT_SECONDS:g} seconds"
        raise MachineryError("the emulator did not answer", detail=detail) from error
    return told


def _refused(error: urllib.error.HTTPError) -> ConfigurationError | MachineryError:
    try:
        told = json.load(error)
    except ValueError:
        return MachineryError("the emulator did not answer", detail=f"observed status {error.code}, expected 200")
    kind = ConfigurationError if error.code == 422 else MachineryError
    return kind(told["what"], detail=told.get("detail", ""), hint=told.get("hint", ""))
