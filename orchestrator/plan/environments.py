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


def quota_name(environment_type: str, compute: str) -> str:
    """Return the name of the quota of builds that run at once, as Service Quotas lists it (CodeBuild: limits)."""
    kind = "ARM" if environment_type.startswith("ARM") else "Linux"
    size = compute.removeprefix("BUILD_GENERAL1_").capitalize().replace("xlarge", "XLarge").replace("Xlarge", "XLarge")
    return f"Concurrently running builds for {kind}/{size} environment"
