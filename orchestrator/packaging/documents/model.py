"""What the documents beside a package are made from: plain facts about a package, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.packaging.assembly.model import Assembled
from orchestrator.packaging.inspection.model import Allowance, Inspection
from orchestrator.packaging.lock.model import DependencyPlan
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.model import Wheel


@dataclass(frozen=True)
class Asked:
    """What somebody has asked for, as it is written in `orchestrator.yml` or on the command line.

    `source`, `requirements` and `output` are paths as they were given; `system_packages` are names, or lists by
    package manager.
    """

    source: str = ""
    requirements: str = ""
    exclude: tuple[str, ...] = ()
    bytecode: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    system_packages: tuple[str, ...] | Mapping[str, tuple[str, ...]] = ()
    commands: tuple[str, ...] = ()
    output: str = ""
    smoke: tuple[str, ...] = ()
    allow: tuple[Allowance, ...] = ()
    allow_pure: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackageFacts:
    """A finished package, and all that it was made of.

    `package` is the zip on this disk. `source_sha256` is the digest of the files that were given
    (`input_digest.tree_digest`).
    """

    package: Path
    kind: str
    target: Target
    assembled: Assembled
    wheels: tuple[Wheel, ...]
    plan: DependencyPlan | None
    inspection: Inspection
    asked: Asked
    source_sha256: str

    @property
    def sha256(self) -> bytes:
        """The digest of exactly the bytes that were inspected."""
        return self.inspection.sha256


@dataclass(frozen=True)
class Origin:
    """Who made a package, from what and when; on the command line most of it is empty.

    `build_id` is `<CodeBuild project>:<uuid>`, or `assembled:<CodeBuild project>:<commit>:<uuid>` for a package that
    a GitLab job made. Times are RFC 3339 texts in UTC. `repository` is its address without credentials.
    """

    project: str = ""
    package: str = ""
    commit: str = ""
    ref: str = ""
    repository: str = ""
    snapshot_sha256: str = ""
    pipeline_id: str = ""
    job_url: str = ""
    build_id: str = ""
    build_arn: str = ""
    build_number: str = ""
    image: str = ""
    tool_sha256: str = ""
    started: str = ""
    finished: str = ""

    @property
    def invocation(self) -> str:
        """The name of this one run: the ARN of the build, else one made from the id; empty on the command line."""
        return self.build_arn or (f"urn:orchestrator:build:{self.build_id}" if self.build_id else "")


@dataclass(frozen=True)
class Stored:
    """Where package and documents lie in S3. `version_id` is None in a bucket without versions; `lock_key` may be."""

    bucket: str
    key: str
    version_id: str | None
    sbom_key: str
    provenance_key: str
    lock_key: str | None
