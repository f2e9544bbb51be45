"""Reading a wheel that was just built, and writing it so that equal content gives equal bytes.

The format is that of PyPA's "Binary distribution format": names, RECORD, WHEEL and METADATA.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path

import deflate

from orchestrator.errors import BuildFailed
from orchestrator.packaging.files import write_whole

_FILENAME = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(?:-(?P<build>[0-9][^-]*))?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl"
)
_SIGNED_AWAY = ("RECORD.jws", "RECORD.p7s")
# 1980-01-01 in the format of DOS, the earliest that a zip can say.
_DOS_DATE = 33
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_LEVEL = 6
# What zipfile and tarfile raise for a damaged or hostile archive, beside OSError. A RuntimeError is an encrypted entry,
# a compression that is not known, or a link to itself; a KeyError a link to nothing; others are numbers and names.
DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, KeyError, RuntimeError, ValueError, OverflowError),
)


@dataclass(frozen=True)
class Content:
    """One file of a wheel."""

    data: bytes
    executable: bool = False


@dataclass(frozen=True)
class WheelFile:
    """A wheel in memory: the parts of its file name, and its files by name without RECORD.

    `tags` are the three parts of the file name after the version: `("cp313", "cp313", "linux_x86_64")`.
    """

    name: str
    version: str
    build: str
    tags: tuple[str, str, str]
    files: Mapping[str, Content]

    @property
    def filename(self) -> str:
        """The name of the wheel's file."""
        return "-".join(filter(None, (self.name, self.version, self.build, *self.tags))) + ".whl"

    @property
    def dist_info(self) -> str:
        """The directory of the metadata."""
        return next(name.partition("/")[0] for name in self.files if name.endswith(".dist-info/WHEEL"))

    @property
    def is_pure(self) -> bool:
        """Whether the wheel says that it has no machine code."""
        return self.tags[1:] == ("none", "any")

    def metadata(self) -> Message:
        """Return METADATA."""
        return _headers(self.files[f"{self.dist_info}/METADATA"].data)

    def with_files(self, files: Mapping[str, Content]) -> WheelFile:
        """Return the wheel with these files in place of its own."""
        return replace(self, files=dict(files))

    def with_platform(self, platform: str) -> WheelFile:
        """Return the wheel with another platform in its name and in WHEEL."""
        python, abi, _ = self.tags
        path = f"{self.dist_info}/WHEEL"
        message = _headers(self.files[path].data)
        del message["Tag"]
        for tag in sorted(f"{one}-{two}-{platform}" for one in python.split(".") for two in abi.split(".")):
            message["Tag"] = tag
        text = "".join(f"{key}: {value}\n" for key, value in message.items())
        changed = {**self.files, path: Content(text.encode())}
        return replace(self, tags=(python, abi, platform), files=changed)


def read_wheel(path: Path) -> WheelFile:
    """Read a wheel that a build backend has just written; raises BuildFailed if it is none."""
    parts = _FILENAME.fullmatch(path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            files = {
                info.filename: Content(archive.read(info), bool(info.external_attr >> 16 & 0o111))
                for info in archive.infolist()
                if not info.is_dir()
            }
    except (*DAMAGED, OSError) as error:
        raise _broken(path, str(error)) from None
    folders = {name.partition("/")[0] for name in files if name.endswith(".dist-info/WHEEL")}
    if not parts or len(folders) != 1 or f"{next(iter(folders))}/METADATA" not in files:
        raise _broken(path, "no name or no `.dist-info` of a wheel")
    kept = {name: file for name, file in files.items() if name != f"{next(iter(folders))}/RECORD"}
    kept = {name: file for name, file in kept.items() if not name.endswith(_SIGNED_AWAY)}
    tags = (parts["python"], parts["abi"], parts["platform"])
    return WheelFile(parts["name"], parts["version"], parts["build"] or "", tags, kept)


def write_wheel(wheel: WheelFile, directory: Path) -> tuple[Path, str]:
    """Write the wheel with a new RECORD; return its path and sha256 (hex).

    Sorted names with the metadata last, one time, two modes, libdeflate at one level: the bytes depend on the files
    alone. Raises MachineryError on a full disk.
    """
    record = f"{wheel.dist_info}/RECORD"
    ordered = sorted(wheel.files.items(), key=lambda item: (item[0].startswith(wheel.dist_info + "/"), item[0]))
    content = _zip([*ordered, (record, Content(_record(ordered, record)))])
    path = directory / wheel.filename
    directory.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return path, hashlib.sha256(content).hexdigest()


def installed_name(name: str) -> str:
    """Return where a file of a wheel lands, relative to site-packages; a stand-in `bin/` for scripts."""
    first, _, rest = name.partition("/")
    if not first.endswith(".data"):
        return name
    scheme, _, rest = rest.partition("/")
    return {"scripts": f"bin/{rest}"}.get(scheme, rest)


def _record(files: Iterable[tuple[str, Content]], record: str) -> bytes:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for name, file in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(file.data).digest()).decode().rstrip("=")
        lines.writerow((name, f"sha256={digest}", len(file.data)))
    lines.writerow((record, "", ""))
    return text.getvalue().encode()


def _zip(files: Iterable[tuple[str, Content]]) -> bytes:
    """Return a zip of the files (APPNOTE 6.3): no extra fields, UTF-8 names, Unix modes."""
    body, directory, count = bytearray(), bytearray(), 0
    for name, file in files:
        packed = bytes(deflate.deflate_compress(file.data, _LEVEL)) if file.data else b""
        method, data = (8, packed) if file.data and len(packed) < len(file.data) else (0, file.data)
        encoded, crc = name.encode(), zlib.crc32(file.data)
        flags = 0 if encoded.isascii() else 0x0800
        common = (20, flags, method, 0, _DOS_DATE, crc, len(data), len(file.data), len(encoded), 0)
        mode = 0o100755 if file.executable else 0o100644
        directory += _CENTRAL.pack(b"PK\x01\x02", 0x0314, *common, 0, 0, 0, mode << 16, len(body)) + encoded
        body += _LOCAL.pack(b"PK\x03\x04", *common) + encoded + data
        count += 1
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)


def _headers(data: bytes) -> Message:
    return BytesParser(policy=compat32).parsebytes(data)


def _broken(path: Path, observed: str) -> BuildFailed:
    return BuildFailed(
        f"the build backend wrote no usable wheel: `{path.name}`",
        detail=f"observed: {observed}",
        hint="its project has to be corrected, or another version be chosen",
    )
