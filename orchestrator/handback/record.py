"""What is written down about a build that comes home by an event: where it lies, and how it reads.

Pure text, so that the function, which writes it with boto3, and postbuild, which writes it through its ports, share it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from orchestrator.errors import Refused

LIMIT_BYTES = 64 * 1024
_STATES = ("claimed", "released", "triggered", "home", "superseded")


@dataclass(frozen=True)
class Record:
    """The state of a build's way home (see `marker`), until when a claim holds (Unix time), and the pipeline."""

    state: str
    until: float = 0.0
    pipeline_id: str = ""


def record_key(prefix: str, project: str, uuid: str, other_ref: str = "") -> str:
    """Where the record of a build lies in the artifact store. No build may write there.

    `other_ref` is a ref that takes the package although the build was started for another one: it has its own record.
    """
    name = f"{uuid}.{hashlib.sha256(other_ref.encode()).hexdigest()}" if other_ref else uuid
    return f"{prefix}/handback/{project}/{name}.json" if prefix else f"handback/{project}/{name}.json"


def record_bytes(build_id: str, **fields: object) -> bytes:
    """Return the record as it is stored."""
    return json.dumps({"build_id": build_id, **fields}, sort_keys=True).encode()


def parse_record(content: bytes, build_id: str) -> Record:
    """Read a record; raises Refused for one that is not about this build, or not ours."""
    try:
        document = json.loads(content)
        named, state, until = document["build_id"], document["state"], float(document.get("until", 0))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        named, state, until = None, None, 0.0
    if named != build_id or state not in _STATES:
        raise Refused(
            f"the marker of the build `{build_id}` is not one of ours",
            detail=f"observed: {content[:200]!a}",
            hint="find out who may write below `handback/` in the artifact store, and delete that object",
        )
    return Record(state, until, str(document.get("pipeline_id", "")))
