"""Terraform state as the `http` backend uses it: versions and one lock (docs: administration/terraform_state)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from werkzeug import Response

from orchestrator.emulator.gitlab.api.call import ApiError, Call, answer, invalid, message, missing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.records import DEVELOPER, MAINTAINER, Json
from orchestrator.emulator.gitlab.state import write_atomically

routes = Routes()

_PATH = "/projects/<project>/terraform/state/<name>"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)


class _Store:
    """The files of one state: `<serial>.json` each version, `lock.json` while it is locked."""

    def __init__(self, call: Call, level: int) -> None:
        project, name = call.project(level), call.args["name"]
        if not _NAME.fullmatch(name):
            raise message(400, {"name": ["is invalid"]})
        self.folder: Path = call.world.directory / "terraform" / str(project.id) / name
        self.call = call

    @property
    def lock(self) -> Json | None:
        path = self.folder / "lock.json"
        return json.loads(path.read_bytes()) if path.is_file() else None

    @property
    def serials(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdigit())

    def version(self, serial: int) -> Path:
        path = self.folder / f"{serial}.json"
        if not path.is_file():
            raise missing()
        return path

    def check_lock(self) -> None:
        """Raise the 423 unless the state is free or the caller names its lock."""
        lock = self.lock
        if lock is not None and str(self.call.request.args.get("ID", "")) != lock["ID"]:
            raise ApiError(423, lock)


@routes.add("GET", _PATH, job_token=True, basic=True)
def show(call: Call) -> Response:
    """Return the newest version, or nothing when there is none yet."""
    with call.world.state.lock:
        store = _Store(call, DEVELOPER)
        serials = store.serials
        if not serials:
            raise missing()
        return Response(store.version(serials[-1]).read_bytes(), content_type="application/json")


@routes.add("POST", _PATH, job_token=True, basic=True)
def write(call: Call) -> Response:
    """Store a new version; refused while somebody else holds the lock."""
    with call.world.state.lock:
        store = _Store(call, MAINTAINER)
        store.check_lock()
        content = call.request.get_data()
        given = call.request.headers.get("Content-MD5")
        if given and given != base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode():
            raise message(400, "400 Bad request - Content-MD5 does not match the body")
        if not content:
            return Response(status=204)
        serial = _serial(content)
        write_atomically(store.folder / f"{serial}.json", content)
    return answer(None, 200)


def _serial(content: bytes) -> int:
    try:
        data: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise invalid("There was a problem in the JSON you submitted") from None
    serial = data.get("serial") if isinstance(data, dict) else None
    if not isinstance(serial, int) or isinstance(serial, bool) or serial < 0:
        raise invalid("serial is missing" if serial is None else "serial is invalid")
    return serial


@routes.add("DELETE", _PATH, job_token=True, basic=True)
def delete(call: Call) -> Response:
    """Forget a state with all its versions."""
    with call.world.state.lock:
        store = _Store(call, MAINTAINER)
        store.check_lock()
        if not store.serials:
            raise missing()
        for path in store.folder.glob("*.json"):
            path.unlink()
    return answer(None, 200)


@routes.add("POST", f"{_PATH}/lock", job_token=True, basic=True)
@routes.add("LOCK", f"{_PATH}/lock", job_token=True, basic=True)
def lock(call: Call) -> Response:
    """Take the lock; who comes too late is told whose it is, with 423."""
    with call.world.state.lock:
        store = _Store(call, MAINTAINER)
        held = store.lock
        if held is not None and held["ID"] != call.text("ID"):
            raise ApiError(423, held)
        call.require("ID")
        fields = ("ID", "Operation", "Info", "Who", "Version", "Created", "Path")
        info = {name: call.text(name) or "" for name in fields}
        write_atomically(store.folder / "lock.json", json.dumps(info).encode())
    return answer(info)


@routes.add("DELETE", f"{_PATH}/lock", job_token=True, basic=True)
@routes.add("UNLOCK", f"{_PATH}/lock", job_token=True, basic=True)
def unlock(call: Call) -> Response:
    """Give the lock back; without an `ID` it is broken, as `terraform force-unlock` does."""
    with call.world.state.lock:
        store = _Store(call, MAINTAINER)
        held, given = store.lock, call.text("ID")
        if held is None:
            raise missing()
        if given and held["ID"] != given:
            raise ApiError(409, held)
        (store.folder / "lock.json").unlink()
    return answer(None, 200)


@routes.add("GET", f"{_PATH}/versions/<serial>", job_token=True, basic=True)
def show_version(call: Call) -> Response:
    """Return one version by its serial."""
    return Response(
        _Store(call, DEVELOPER).version(call.number("serial")).read_bytes(), content_type="application/json"
    )


@routes.add("DELETE", f"{_PATH}/versions/<serial>", job_token=True, basic=True)
def delete_version(call: Call) -> Response:
    """Forget one version."""
    _Store(call, MAINTAINER).version(call.number("serial")).unlink()
    return Response(status=204)
