"""What a source distribution says about its dependencies without running any of its code."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement, Requirement

from orchestrator.packaging.lock.document import toml_value
from orchestrator.packaging.lock.index import IndexFile
from orchestrator.packaging.lock.web import Web

_DOWNLOAD_LIMIT_BYTES = 256 * 1024 * 1024
_UNPACKED_LIMIT_BYTES = 2 * 1024 * 1024 * 1024
_MEMBER_LIMIT_BYTES = 4 * 1024 * 1024
_SECTION = re.compile(r"\[(?P<extra>[^:\]]*)(?::(?P<marker>[^\]]*))?\]")


@dataclass(frozen=True)
class StaticMetadata:
    """Name, version and requirements, as `[[dependency-metadata]]` of uv takes them."""

    name: str
    version: str
    requires: tuple[str, ...]
    requires_python: str

    def as_toml(self) -> str:
        """Return the entry of a `uv.toml`."""
        lines = ["[[dependency-metadata]]", f"name = {toml_value(self.name)}", f"version = {toml_value(self.version)}"]
        lines.append(f"requires-dist = {toml_value(list(self.requires))}")
        if self.requires_python:
            lines.append(f"requires-python = {toml_value(self.requires_python)}")
        return "\n".join(lines) + "\n"


def static_metadata(name: str, version: str, sdist: IndexFile, web: Web) -> StaticMetadata | None:
    """Return what the files in the sdist say, or None if they cannot be read.

    `requires.txt` (setuptools) and `Requires-Dist` were written when the sdist was made. Without either, the
    project has no dependencies: neither distutils nor setuptools leaves them out.
    Raises MachineryError if the file cannot be had.
    """
    page = web.page(sdist.url, {}, _DOWNLOAD_LIMIT_BYTES)
    if page.status != 200:
        return None
    try:
        members = dict(_members(sdist.name, page.body))
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError):
        return None
    info = next((text for path, text in members.items() if path.endswith("PKG-INFO")), "")
    if not info:
        return None
    headers = HeaderParser().parsestr(info)
    listed = next((text for path, text in members.items() if path.endswith("requires.txt")), None)
    lines = list(_requires_txt(listed)) if listed is not None else list(headers.get_all("Requires-Dist") or ())
    if any(not _valid(line) for line in lines):
        return None
    return StaticMetadata(name, version, tuple(lines), (headers.get("Requires-Python") or "").strip())


def _members(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the metadata files, those nearest to the top first."""
    found: list[tuple[str, bytes]] = []
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = [
                (info.filename, archive.read(info))
                for info in archive.infolist()
                if _is_metadata(info.filename) and info.file_size <= _MEMBER_LIMIT_BYTES
            ]
    else:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive_tar:
            unpacked_bytes = 0
            for member in archive_tar:
                unpacked_bytes += member.size
                if unpacked_bytes > _UNPACKED_LIMIT_BYTES:
                    break
                if member.isfile() and _is_metadata(member.name) and member.size <= _MEMBER_LIMIT_BYTES:
                    file = archive_tar.extractfile(member)
                    found.append((member.name, file.read() if file else b""))
    yield from ((path, data.decode("utf-8", "replace")) for path, data in sorted(found, key=_nearness))


def _nearness(item: tuple[str, bytes]) -> tuple[int, str]:
    return item[0].count("/"), item[0]


def _is_metadata(path: str) -> bool:
    """Take only what lies at the top or in the top's `.egg-info`; tests carry other projects' metadata."""
    return bool(
        re.fullmatch(r"(?:\./)?[^/]+/(?:PKG-INFO|(?:src/|lib/)?[^/]+\.egg-info/(?:PKG-INFO|requires\.txt))", path)
    )


def _requires_txt(text: str) -> Iterator[str]:
    """Yield the requirements of an egg's `requires.txt`, with sections as markers (setuptools docs: eggs)."""
    suffix = ""
    for line in (line.strip() for line in text.splitlines()):
        if section := _SECTION.fullmatch(line):
            extra = f'extra == "{section["extra"]}"' if section["extra"] else ""
            marker = f"({section['marker']})" if section["marker"] else ""
            suffix = " and ".join(part for part in (marker, extra) if part)
        elif line and not line.startswith("#"):
            yield f"{line} ; {suffix}" if suffix else line


def _valid(line: str) -> bool:
    try:
        Requirement(line)
    except InvalidRequirement:
        return False
    return True
