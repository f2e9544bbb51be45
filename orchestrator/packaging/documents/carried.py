"""What a wheel carries about itself: its licence in METADATA (PyPA: core metadata), and SBOMs (PEP 770)."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

_METADATA_LIMIT_BYTES = 4 * 1024 * 1024
_SBOM_LIMIT_BYTES = 32 * 1024 * 1024
# The longest text in `License:` that is a name; longer ones are the licence itself.
_NAME_LIMIT = 100
_PREFIX = "License :: "


@dataclass(frozen=True)
class Licence:
    """An SPDX expression, or the names that somebody gave in another way; one of them is empty."""

    expression: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Carried:
    """What a wheel says about itself: its licence, one sentence, and the SBOMs it carries (PEP 770) by file name."""

    licence: Licence
    summary: str
    sboms: Mapping[str, bytes]


def carried(wheel: Path) -> Carried:
    """Read a wheel; one that has nothing to say, or cannot be read, says nothing."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            metadata, sboms = b"", {}
            for info in archive.infolist():
                folder, _, rest = info.filename.partition("/")
                if not folder.endswith(".dist-info"):
                    continue
                if rest == "METADATA" and info.file_size <= _METADATA_LIMIT_BYTES:
                    metadata = archive.read(info)
                elif _is_sbom(rest) and info.file_size <= _SBOM_LIMIT_BYTES:
                    sboms[info.filename] = archive.read(info)
    # Assembly and inspection refuse a damaged wheel. What is left is damage in files that `exclude:` keeps out of the
    # package: it makes the bill poorer, and nothing else.
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return Carried(Licence(), "", {})
    message = BytesParser().parsebytes(metadata, headersonly=True)
    return Carried(licence_of(message), _line(message.get("Summary")), dict(sorted(sboms.items())))


def licence_of(metadata: Message) -> Licence:
    """Return the licence: `License-Expression`, else the classifiers, else a short `License`."""
    expression = _line(metadata.get("License-Expression"))
    if expression:
        return Licence(expression=expression)
    classifiers = [_line(value) for value in metadata.get_all("Classifier") or ()]
    names = {value.rpartition(" :: ")[2] for value in classifiers if value.startswith(_PREFIX)}
    if names - {"OSI Approved"}:
        return Licence(names=tuple(sorted(names - {"OSI Approved"})))
    text = _line(metadata.get("License"))
    return Licence(names=(text,)) if text and text != "UNKNOWN" else Licence()


def _is_sbom(name: str) -> bool:
    # PEP 770 names the folder only; `.cdx.json`, `.cyclonedx.json` and plain `.json` are all in use.
    return name.startswith("sboms/") and name.endswith(".json")


def _line(value: object) -> str:
    text = str(value or "").strip()
    return text if "\n" not in text and len(text) <= _NAME_LIMIT * 3 and text.isprintable() else ""
