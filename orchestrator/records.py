"""What the world tells us, as plain values in our own words: builds, projects, commits, packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ProjectRecord:
    """A CodeBuild project as CodeBuild describes it."""

    name: str
    arn: str
    tags: Mapping[str, str]
    variables: Mapping[str, str]
    modified: datetime | None = None

    @property
    def account(self) -> str:
        """The account that owns the project, from its ARN."""
        return self.arn.split(":")[4]

    @property
    def settings_digest(self) -> str:
        """The digest of the settings that were applied last, or an empty string."""
        return self.tags.get("orchestrator-settings-digest", "")

    @property
    def bucket(self) -> str:
        """The bucket that the project reads from and delivers to, or an empty string."""
        return self.variables.get("ORCHESTRATOR_BUCKET", "")


@dataclass(frozen=True)
class PhaseRecord:
    """One phase of a build. `message` is what CodeBuild says went wrong, if anything did; `code` is its word for it."""

    name: str
    status: str
    seconds: int | None
    message: str = ""
    code: str = ""
    began: datetime | None = None


@dataclass(frozen=True)
class BuildRecord:
    """A build as CodeBuild describes it: the one record that every way home ends in.

    `status` is one of `vocabulary.BuildStatus`, or a word that a newer CodeBuild has added. `stored_log` is where
    the log lies in S3, as `<bucket>/<key>`, empty if it is not kept there. `machine` is CodeBuild's environment type,
    `size` its compute type.
    """

    id: str
    arn: str
    project: str
    status: str
    complete: bool
    phases: Sequence[PhaseRecord]
    variables: Mapping[str, str]
    exported: Mapping[str, str]
    log_group: str | None = None
    log_stream: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    number: int | None = None
    initiator: str = ""
    image: str = ""
    machine: str = ""
    size: str = ""
    stored_log: str = ""
    logs_disabled: bool = False

    @property
    def account(self) -> str:
        """The account that owns the build, from its ARN."""
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        """The region the build ran in, from its ARN."""
        return self.arn.split(":")[3]

    @property
    def uuid(self) -> str:
        """The part of the build id after the project name."""
        return self.id.rpartition(":")[2]

    @property
    def failed_phase(self) -> PhaseRecord | None:
        """The first phase that did not succeed, if the build has one."""
        return next((phase for phase in self.phases if phase.status not in {"", "SUCCEEDED"}), None)

    @property
    def console_url(self) -> str:
        """The page of the build in the AWS console (short enough for a GitLab commit status)."""
        return (
            f"https://{self.region}.console.aws.amazon.com/codesuite/codebuild/"
            f"{self.account}/projects/{self.project}/build/{self.id}/"
        )


@dataclass(frozen=True)
class LogLine:
    """One event of a log: when it was written, in milliseconds since 1970, and its text as the build wrote it.

    The text may be anything: several lines, a progress bar, what would steer a terminal.
    """

    moment: int
    text: str


@dataclass(frozen=True)
class LogPage:
    """A piece of the log of one build, and the token of the next piece; the same token again means: no more for now."""

    lines: Sequence[LogLine]
    token: str


@dataclass(frozen=True)
class Commit:
    """One commit of the repository: its full SHA and the paths of its tree, in git's order."""

    sha: str
    files: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class Reach:
    """Where a ref points to now (empty if it is gone), and whether its history contains a commit."""

    head: str
    contains: bool


@dataclass(frozen=True)
class Snapshot:
    """The archive of one commit. `tar_sha256` is the digest of the uncompressed tar, in hex."""

    path: Path
    tar_sha256: str


@dataclass(frozen=True)
class MadePackage:
    """A package that was made on this machine: the zip, its documents by key (`sbom` …), its manifest as plain data."""

    package: Path
    documents: Mapping[str, Path]
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class NotMade:
    """Why a package cannot be made on this machine, one sentence for each thing that stands in the way."""

    reasons: Sequence[str]


@dataclass(frozen=True)
class Stored:
    """A small object, and the tag by which exactly this version of it can be replaced (S3's ETag)."""

    content: bytes
    tag: str


@dataclass(frozen=True)
class StoredObject:
    """An object of a bucket: its key, its size, and when it was stored."""

    key: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True)
class FunctionRecord:
    """What an alias or a version of a Lambda function is.

    `state` and `update` are Lambda's words (`Active`, `Successful`), `reason` says why they are not those.
    `code_sha256` is in base64.
    """

    version: str
    state: str
    update: str
    reason: str
    architecture: str
    code_sha256: str


@dataclass(frozen=True)
class Answer:
    """What came of calling a function: its answer as JSON, whether it is an error, and the end of its log.

    `not_run` says why a stand-in for AWS could not run the function; on AWS it is empty.
    """

    payload: str = ""
    failed: bool = False
    log: str = ""
    not_run: str = ""
