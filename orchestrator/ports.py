"""The world as the stages see it: small protocols over the values of `records`.

`orchestrator.effects` implements each protocol against the real neighbour; unit tests of the stages hand
in plain fakes. A port raises nothing but `OrchestratorError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from orchestrator.packaging.documents.model import Origin
from orchestrator.plan.model import BuildPlan, RenderedRoot
from orchestrator.records import (
    Answer,
    BuildRecord,
    Commit,
    FunctionRecord,
    LogLine,
    LogPage,
    MadePackage,
    NotMade,
    ProjectRecord,
    Reach,
    Snapshot,
    Stored,
    StoredObject,
)


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class CodeBuild(Protocol):
    """AWS CodeBuild."""

    def projects(self, names: Sequence[str]) -> Mapping[str, ProjectRecord]:
        """Return the projects that exist, by name."""
        ...

    def start(self, project: str, variables: Mapping[str, str], idempotency_token: str) -> BuildRecord:
        """Start a build with these plain-text variables; the same token gives the same build."""
        ...

    def builds(self, build_ids: Sequence[str]) -> Mapping[str, BuildRecord]:
        """Return the builds that are known, by id."""
        ...

    def newest(self, project: str, *, limit: int) -> Sequence[BuildRecord]:
        """Return the newest builds of a project, the newest first, at most `limit` of them."""
        ...

    def stop(self, build_id: str) -> BuildRecord:
        """Stop a build and return what became of it; one that has ended stays as it is."""
        ...


class BuildLogs(Protocol):
    """The log of a build."""

    def last_lines(self, build: BuildRecord, count: int) -> Sequence[str]:
        """Return the last lines, or none when there is no log; a log never decides a result."""
        ...


class LogPages(Protocol):
    """The logs of builds, piece by piece, each call one request to CloudWatch Logs."""

    def page(self, build: BuildRecord, *, since: int, token: str) -> LogPage | None:
        """Return a piece of one log from a moment on (milliseconds, inclusive), the oldest lines first.

        `token` is that of the piece before, or empty. None if there is no such log: not yet, no longer, or never.
        """
        ...

    def several(
        self, group: str, builds: Sequence[BuildRecord], *, since: int, token: str
    ) -> tuple[Mapping[str, Sequence[LogLine]], str]:
        """Return a piece of the logs of up to 100 builds of a log group by build id, and the token of the next piece.

        The token is empty when there is no more. Raises `Denied` where the role may read single logs only.
        """
        ...

    def stored(self, build: BuildRecord) -> Iterator[bytes]:
        """Return the log of an ended build that CodeBuild keeps in S3, in pieces, uncompressed.

        Raises `Gone` when it is not there.
        """
        ...


class ObjectStore(Protocol):
    """One bucket, of which we know who must own it."""

    bucket: str

    def exists(self, key: str) -> bool:
        """Tell whether an object is stored under the key."""
        ...

    def put_new(self, key: str, source: Path | bytes, *, sha256: str) -> bool:
        """Store an object under a key that may hold nothing else.

        `sha256` is what identifies the content, in hex. Returns False when the same content was stored before.
        Raises `Refused` when something else is stored there.
        """
        ...

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        """Return a small object; refuse one that is larger than the limit."""
        ...

    def read_tagged(self, key: str, *, limit_bytes: int) -> Stored | None:
        """Return a small object that may change, None if nothing is stored; refuse one over the limit."""
        ...

    def replace(self, key: str, content: bytes, *, tag: str | None) -> bool:
        """Store an object in place of the version with the tag, or of nothing; False if another one is there."""
        ...

    def download(self, key: str, version_id: str | None, target: Path, *, size_bytes: int, sha256: str) -> None:
        """Bring an object to `target`, which appears only when size and digest are as given."""
        ...


class Shelves(Protocol):
    """What lies in one bucket, for those who look after it."""

    bucket: str

    def below(self, prefix: str) -> Iterator[StoredObject]:
        """Give the objects whose keys begin with a prefix."""
        ...

    def erase(self, keys: Sequence[str]) -> int:
        """Delete objects with all of their versions, and return how many bytes that has freed.

        The objects of the keys go in the order of the keys, in batches. What is not there is no failure.
        """
        ...


class OpenShelves(Protocol):
    """Gives what lies in the bucket behind a name."""

    def __call__(self, bucket: str, account: str) -> Shelves:
        """Open the bucket, which must be owned by the account."""
        ...


class OpenStore(Protocol):
    """Gives the store behind a bucket name."""

    def __call__(self, bucket: str, account: str) -> ObjectStore:
        """Open the bucket, which must be owned by the account."""
        ...


class Parameters(Protocol):
    """The SSM Parameter Store. Only names are ever handled here, no values."""

    def missing(self, names: Sequence[str]) -> Sequence[str]:
        """Return those of the names that do not exist (none when we may not ask)."""
        ...


class PublishedValues(Protocol):
    """Values of the SSM Parameter Store that are no secret, such as those of the platform."""

    def below(self, path: str) -> Mapping[str, str]:
        """Return the values below a path by full name; none when nothing is there."""
        ...


class Maker(Protocol):
    """Makes packages on this machine, by the same code that makes them in a build."""

    def make(self, item: BuildPlan, snapshot: Snapshot, origin: Origin, folder: Path) -> MadePackage | NotMade:
        """Make the package in `folder` from the files of the commit, unless something has to be compiled.

        Raises `BuildFailed` for a package that can be made nowhere, `Refused` for one that must not be used.
        """
        ...


class Pipelines(Protocol):
    """The pipelines of the GitLab project whose job this is."""

    def start(self, ref: str, build_id: str) -> str:
        """Start a pipeline that brings this package home; return its address."""
        ...


class GitRepository(Protocol):
    """The local checkout."""

    def commit(self, revision: str) -> Commit:
        """Return the commit that the revision names; raises `ConfigurationError` when there is none."""
        ...

    def changed_files(self) -> Sequence[str]:
        """Return the tracked files whose content differs from the commit that is checked out."""
        ...

    def snapshot(self, sha: str, target: Path) -> Snapshot:
        """Write the archive of the commit to `target`."""
        ...


class Tracked(Protocol):
    """Tells which files are the user's own, because git tracks them."""

    def __call__(self, folder: Path, names: Sequence[str]) -> Sequence[str]:
        """Return those of the names in the folder that git tracks; none outside of a repository."""
        ...


class History(Protocol):
    """The refs of the GitLab project as they are now, not as they were when this pipeline began."""

    def reach(self, ref: str, sha: str) -> Reach:
        """Say where the branch or tag of this pipeline points to, and whether its history contains the commit."""
        ...


class Refs(Protocol):
    """The branches and tags of the GitLab project as they are now."""

    def heads(self) -> Mapping[str, str]:
        """Return the commit that each points to, by full name (`refs/heads/main`)."""
        ...


class Infrastructure(Protocol):
    """Terraform, as far as the stages need it."""

    def apply(self, root: RenderedRoot) -> Mapping[str, Any]:
        """Plan the root, apply exactly that plan, and return its outputs."""
        ...


class Functions(Protocol):
    """AWS Lambda, as far as a deployment looks at it."""

    def function(self, name: str, qualifier: str) -> FunctionRecord:
        """Return what an alias or version of a function is."""
        ...

    def layer_sha256(self, name: str, version: int) -> str:
        """Return the SHA-256 of a layer's version, in base64."""
        ...

    def call(self, name: str, qualifier: str, event: bytes) -> Answer:
        """Call a function once with an event (JSON) and wait for its answer."""
        ...


class CommitStatus(Protocol):
    """The status that GitLab shows beside a commit."""

    def report(
        self, sha: str, *, state: str, name: str, ref: str, pipeline_id: str, description: str, url: str
    ) -> None:
        """Set the status in one pipeline of the commit (the newest if the id is empty).

        Does nothing but say so when it cannot, because a status is decoration.
        """
        ...


class Narrator(Protocol):
    """Tells a person what happens, line by line, on standard error."""

    def __call__(self, line: str) -> None:
        """Say one line."""
        ...
