"""Names of CodeBuild's things: ARNs, build ids, and how to read them back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """The account and region in which names are made."""

    account_id: str
    region: str

    def project_arn(self, name: str) -> str:
        """Return the ARN of project `name`."""
        return f"arn:aws:codebuild:{self.region}:{self.account_id}:project/{name}"

    def build_arn(self, build_id: str) -> str:
        """Return the ARN of the build `project:uuid`."""
        return f"arn:aws:codebuild:{self.region}:{self.account_id}:build/{build_id}"

    def default_key_arn(self) -> str:
        """Return the ARN of the key that encrypts artifacts when a project names none."""
        return f"arn:aws:kms:{self.region}:{self.account_id}:alias/aws/s3"

    def log_stream_arn(self, group: str, stream: str) -> str:
        """Return the ARN of a CloudWatch Logs stream."""
        return f"arn:aws:logs:{self.region}:{self.account_id}:log-group:{group}:log-stream:{stream}"


def project_name(name_or_arn: str) -> str:
    """Return the project's name, of either its name or its ARN (both are accepted everywhere)."""
    return name_or_arn.rpartition(":project/")[2] if name_or_arn.startswith("arn:") else name_or_arn


def build_id(id_or_arn: str) -> str:
    """Return `project:uuid`, of either the id or the ARN."""
    return id_or_arn.rpartition(":build/")[2] if id_or_arn.startswith("arn:") else id_or_arn


def build_uuid(identifier: str) -> str:
    """Return the uuid of a build id `project:uuid`."""
    return identifier.rpartition(":")[2]
