"""The world as `onboard` and `offboard` see it: a GitLab project, a parameter store, a bucket.

A port raises nothing but `OrchestratorError`, and `Raced` where somebody else has been quicker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from orchestrator.errors import MachineryError


class Raced(MachineryError):
    """Somebody else has made or removed it in the same moment; looking again tells what is left to do (exit 3)."""


class Role(IntEnum):
    """What a member of a project may do (GitLab docs: api/access_requests, valid access levels)."""

    NONE = 0
    GUEST = 10
    PLANNER = 15
    REPORTER = 20
    DEVELOPER = 30
    MAINTAINER = 40
    OWNER = 50


class Sealed:
    """A secret on its way from one neighbour to another; it cannot be printed, compared or logged."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def open(self) -> str:
        """Return the secret, for the call that stores it."""
        return self._value

    def __repr__(self) -> str:
        return "Sealed()"


@dataclass(frozen=True)
class Person:
    """A user of GitLab and the role in this project; `active` is false for somebody who is blocked or gone."""

    id: int
    name: str
    role: int
    active: bool = True


@dataclass(frozen=True)
class TriggerToken:
    """A pipeline trigger token without its value, unless it is the caller's own: GitLab shows those to nobody else."""

    id: int
    description: str
    owner: Person | None
    expires_at: str | None = None  # ISO 8601, None for never
    value: Sealed | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CiVariable:
    """A CI/CD variable for all environments; the value of a hidden one is None."""

    key: str
    value: str | None
    protected: bool
    masked: bool
    description: str = ""


@dataclass(frozen=True)
class MergeRequest:
    """A merge request; `commit` is what brought it into its target, empty before."""

    iid: int
    state: str  # opened, closed, locked, merged
    title: str
    description: str
    source_branch: str
    url: str
    commit: str = ""


@dataclass(frozen=True)
class GitLabFacts:
    """What a GitLab project is; `default_branch` is empty in a repository without commits."""

    id: int
    path: str
    url: str  # of its pages
    default_branch: str
    config_path: str
    caller: Person
    protected: bool  # the default branch


@dataclass(frozen=True)
class Verdict:
    """What GitLab's CI lint says of a configuration; `merged` is the whole of it with what it includes."""

    valid: bool
    errors: Sequence[str]
    merged: Mapping[str, Any]


class GitLabProject(Protocol):
    """One project of a GitLab server, as a person with a token sees it."""

    def facts(self) -> GitLabFacts:
        """Return what the project is, and who asks."""
        ...

    def tokens(self) -> Sequence[TriggerToken]:
        """Return the trigger tokens."""
        ...

    def create_token(self, description: str, expires_on: str | None) -> TriggerToken:
        """Create a trigger token of the caller. A server that knows no expiry ignores it."""
        ...

    def delete_token(self, token_id: int) -> None:
        """Revoke a trigger token; one that is gone is no failure."""
        ...

    def variables(self) -> Sequence[CiVariable]:
        """Return the CI/CD variables for all environments."""
        ...

    def set_variable(self, variable: CiVariable, *, new: bool) -> None:
        """Create or change a variable; raises `Raced` if it is there already, or no more."""
        ...

    def delete_variable(self, key: str) -> None:
        """Delete a variable; one that is gone is no failure."""
        ...

    def read(self, path: str, ref: str) -> str | None:
        """Return a file at a ref, None if there is none."""
        ...

    def lint(self, content: str) -> Verdict:
        """Return what GitLab says of a configuration on the default branch."""
        ...

    def branch_message(self, branch: str) -> str | None:
        """Return the message of the newest commit of a branch, None if there is no such branch."""
        ...

    def commit(self, branch: str, start: str, files: Mapping[str, tuple[bool, str]], message: str) -> None:
        """Make a branch at the head of `start` with one commit; files are (whether new, text) by path.

        Raises `Raced` if the branch is there already.
        """
        ...

    def revert(self, branch: str, start: str, commit: str) -> bool:
        """Make a branch at the head of `start`, and undo a commit on it; False if that conflicts."""
        ...

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; one that is gone is no failure."""
        ...

    def merge_requests(self, branch: str) -> Sequence[MergeRequest]:
        """Return the merge requests of a source branch into the default branch, the newest first."""
        ...

    def open_request(self, branch: str, target: str, title: str, description: str) -> MergeRequest:
        """Open a merge request; raises `Raced` if there is one."""
        ...

    def close_request(self, iid: int) -> None:
        """Close a merge request without merging it."""
        ...


@dataclass(frozen=True)
class StoredParameter:
    """What is known of a parameter without reading it; `changed_by` is an ARN, empty if AWS does not say."""

    name: str
    kind: str  # String, StringList, SecureString
    description: str
    changed_by: str = ""

    @property
    def secure(self) -> bool:
        """Whether the value is encrypted."""
        return self.kind == "SecureString"


class SealedParameters(Protocol):
    """The SSM Parameter Store of one region, without its values."""

    region: str

    def look(self, names: Sequence[str]) -> Mapping[str, StoredParameter]:
        """Return those of the parameters that are there, by name."""
        ...

    def store(self, name: str, value: Sealed, description: str, key_arn: str | None, *, replace: bool) -> None:
        """Store a secret; raises `Raced` if something is there that is not to be replaced."""
        ...

    def delete(self, name: str) -> None:
        """Delete a parameter; one that is gone is no failure."""
        ...


class Buckets(Protocol):
    """S3, as far as it has to be known whose a bucket is."""

    def exists(self, bucket: str) -> bool:
        """Tell whether a bucket is there; raises `Refused` when it is somebody else's."""
        ...

    def empty(self, bucket: str, prefix: str = "") -> int:
        """Delete every version of every object below a prefix, which ends with `/`; return how many."""
        ...
