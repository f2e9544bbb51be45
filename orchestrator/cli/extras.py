"""Parts of the package that need more than a plain install brings."""

from __future__ import annotations

from importlib.util import find_spec

from orchestrator.errors import ConfigurationError

# What the extra `emulator` brings: the stand-in for AWS, its server, and the `aws` that builds call.
_EMULATOR = ("moto", "flask", "awscli")


def require_emulator() -> None:
    """Raise `ConfigurationError` unless the local stand-ins can be started."""
    missing = [name for name in _EMULATOR if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "the local stand-ins are not installed",
            detail=f"observed: no Python package {', '.join(f'`{name}`' for name in missing)}",
            hint='`pip install "codebuild-orchestrator[emulator]"`, or `pip install ".[emulator]"` in a clone',
        )
