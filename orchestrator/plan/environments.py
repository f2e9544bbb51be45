"""CodeBuild's environments: which type and compute a target means."""

from __future__ import annotations

from orchestrator.vocabulary import Architecture

# EnvironmentType of the CodeBuild API.
ENVIRONMENT_TYPES = {
    Architecture.ARM64: "ARM_CONTAINER",
    Architecture.X86_64: "LINUX_CONTAINER",
}


def compute_type(word: str) -> str:
    """Return CodeBuild's name of a compute size (`small` to `2xlarge`)."""
    return f"BUILD_GENERAL1_{word.upper()}"
