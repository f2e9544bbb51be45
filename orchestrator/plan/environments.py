"""CodeBuild's environments: which type and compute a target means."""

from __future__ import annotations

from orchestrator.vocabulary import Architecture, Machine

# EnvironmentType of the CodeBuild API.
ENVIRONMENT_TYPES = {
    (Machine.CONTAINER, Architecture.ARM64): "ARM_CONTAINER",
    (Machine.CONTAINER, Architecture.X86_64): "LINUX_CONTAINER",
    (Machine.LAMBDA, Architecture.ARM64): "ARM_LAMBDA_CONTAINER",
    (Machine.LAMBDA, Architecture.X86_64): "LINUX_LAMBDA_CONTAINER",
}
# CodeBuild user guide: lambda (limitations).
LAMBDA_MINUTES = 15


def compute_type(word: str) -> str:
    """Return CodeBuild's name of a compute size (`small` to `2xlarge`, `1GB` to `10GB`)."""
    return f"BUILD_LAMBDA_{word}" if word.endswith("GB") else f"BUILD_GENERAL1_{word.upper()}"


def quota_name(environment_type: str, compute: str) -> str:
    """Return the name of the quota of builds that run at once, as Service Quotas lists it (CodeBuild: limits)."""
    kind = "ARM" if environment_type.startswith("ARM") else "Linux"
    if compute.startswith("BUILD_LAMBDA_"):
        return f"Concurrently running builds for {kind} Lambda/{compute.removeprefix('BUILD_LAMBDA_')} environment"
    size = compute.removeprefix("BUILD_GENERAL1_").capitalize().replace("xlarge", "XLarge").replace("Xlarge", "XLarge")
    return f"Concurrently running builds for {kind}/{size} environment"
