"""The Lambda function's zip: the same bytes on every machine, so its digest is known offline."""

from __future__ import annotations

from pathlib import Path

from orchestrator.effects.stable_zip import StableZip, stable_zip

HANDLER = "orchestrator.handback.handler.handle"

_PACKAGE = Path(__file__).resolve().parent.parent
_ALONE = ("__init__.py", "aws_calls.py", "errors.py", "gitlab_trigger.py", "patience.py", "redaction.py")


def build_handback_zip() -> StableZip:
    """Pack `orchestrator.handback` and the modules that travel with it from the installed files; Lambda has boto3."""
    paths = [*(_PACKAGE / name for name in _ALONE), *(_PACKAGE / "handback").rglob("*.py")]
    files = {f"orchestrator/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes() for path in paths}
    return stable_zip(files)
