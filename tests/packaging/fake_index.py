"""A package index on loopback whose wheels and source distributions are made up, and that can fail as told."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote


def wheel(
    name: str,
    version: str,
    tag: str = "py3-none-any",
    *,
    requires: Sequence[str] = (),
    python: str = "",
    content: bytes = b"a = 1\n",
) -> tuple[str, bytes]:
    """Return file name and bytes of a wheel; an empty `content` makes a placeholder."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Python: {python}\n" if python else ""
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in {
            f"{name.replace('-', '_')}/__init__.py": content,
            f"{info}/METADATA": metadata.encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
            f"{info}/RECORD": b"",
        }.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return f"{name.replace('-', '_')}-{version}-{tag}.whl", buffer.getvalue()


def sdist(name: str, version: str, *, requires: Sequence[str] = (), setup: str = "raise SystemExit('it ran')\n") -> Any:
    """Return file name and bytes of a source distribution of setuptools' old kind."""
    top = f"{name}-{version}"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in {
            f"{top}/PKG-INFO": f"Metadata-Version: 1.2\nName: {name}\nVersion: {version}\n",
            f"{top}/{name}.egg-info/PKG-INFO": f"Metadata-Version: 1.2\nName: {name}\nVersion: {version}\n",
            f"{top}/{name}.egg-info/requires.txt": "".join(f"{line}\n" for line in requires),
            f"{top}/setup.py": setup,
        }.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return f"{top}.tar.gz", buffer.getvalue()


@dataclass
class FakeIndex:
    """What it serves, what it was asked (path and Authorization), and how it fails.

    `script` gives for a file name the answers to come: a status, `cut` (ends too early) or `wrong` (other bytes).
    """

    url: str = ""
    html: bool = False
    login: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    pythons: dict[str, str] = field(default_factory=dict)
    yanked: set[str] = field(default_factory=set)
    script: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    redirect: str = ""

    def add(self, *files: tuple[str, bytes], python: str = "", yanked: bool = False) -> None:
        """Publish files."""
        for name, content in files:
            self.files[name] = content
            if python:
                self.pythons[name] = python
            if yanked:
                self.yanked.add(name)

    def sha256(self, name: str) -> str:
        """Return the digest of a file."""
        return hashlib.sha256(self.files[name]).hexdigest()

    @property
    def simple(self) -> str:
        """The URL for `--index-url`."""
        return f"{self.url}/simple"

    def page(self, project: str) -> tuple[str, bytes] | None:
        """Return content type and body of a project's page."""
        names = [name for name in self.files if _project(name) == project]
        if not names:
            return None
        if self.html:
            links = [
                f'<a href="../../files/{name}#sha256={self.sha256(name)}"'
                f"{f' data-requires-python={chr(34)}{self.pythons[name]}{chr(34)}' if name in self.pythons else ''}"
                f"{' data-yanked' if name in self.yanked else ''}>{name}</a>"
                for name in names
            ]
            return "text/html", f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        listed = [
            {
                "filename": name,
                "url": f"{self.url}/files/{name}",
                "hashes": {"sha256": self.sha256(name)},
                "size": len(self.files[name]),
                "requires-python": self.pythons.get(name),
                "yanked": name in self.yanked,
            }
            for name in names
        ]
        body = {"meta": {"api-version": "1.1"}, "name": project, "files": listed, "versions": []}
        return "application/vnd.pypi.simple.v1+json", json.dumps(body).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def index(self) -> FakeIndex:
        return self.server.index  # type: ignore[attr-defined, no-any-return]

    def do_HEAD(self) -> None:
        self.do_GET()  # uv asks for the size first

    def do_GET(self) -> None:
        index = self.index
        index.asked.append((self.path, self.headers.get("Authorization", "")))
        expected = f"Basic {base64.b64encode(index.login.encode()).decode()}"
        if index.login and self.headers.get("Authorization") != expected:
            self._send(401, "text/plain", b"")
        elif index.redirect:
            self._send(302, "text/plain", b"", location=f"{index.redirect}{self.path}")
        elif self.path.startswith("/simple/"):
            page = index.page(self.path.split("/")[2])
            self._send(200, *page) if page else self._send(404, "text/plain", b"")
        else:
            self._file(unquote(self.path.rpartition("/")[2]))

    def _file(self, name: str) -> None:
        todo = self.index.script.get(name) or [200]
        how = todo.pop(0) if len(todo) > 1 else todo[0]
        content = self.index.files.get(name, b"")
        if how == "cut":
            self._send(200, "application/zip", content[: len(content) // 2], length=len(content))
            self.close_connection = True
        elif how == "wrong":
            self._send(200, "application/zip", bytes(len(content)))
        else:
            self._send(how, "application/zip", content if how == 200 else b"")

    def _send(self, status: int, kind: str, body: bytes, *, length: int | None = None, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if location:
            self.send_header("Location", location)
        if status == 401:
            self.send_header("WWW-Authenticate", "Basic")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        pass


@contextmanager
def serving(index: FakeIndex) -> Iterator[FakeIndex]:
    """Serve an index on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.index = index  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _project(file: str) -> str:
    stem = file.split("-")[0] if file.endswith(".whl") else file.rpartition("-")[0]
    return stem.replace("_", "-").lower()
