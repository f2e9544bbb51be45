"""The Lambda function's zip: the same bytes on every machine, so its digest is known offline."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

HANDLER = "orchestrator.handback.handler.handle"

_PACKAGE = Path(__file__).resolve().parent.parent
_ALONE = ("__init__.py", "aws_calls.py", "errors.py", "gitlab_trigger.py", "patience.py", "redaction.py")


@dataclass(frozen=True)
class HandbackZip:
    """The zip and its sha256 in hex."""

    content: bytes
    sha256: str


def build_handback_zip() -> HandbackZip:
    """Pack `orchestrator.handback`, `gitlab_trigger` and `errors` from the installed files.

    Sorted names, one fixed time, nothing compressed: the bytes depend on the sources alone. Lambda brings boto3.
    """
    paths = [*(_PACKAGE / name for name in _ALONE), *(_PACKAGE / "handback").rglob("*.py")]
    files = {f"orchestrator/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes() for path in paths}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, files[name])
    content = buffer.getvalue()
    return HandbackZip(content, hashlib.sha256(content).hexdigest())
