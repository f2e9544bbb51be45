"""What `onboard` and `offboard` can do, as values whose text is what a dry run prints and a run says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.onboarding_ports import CiVariable


@dataclass(frozen=True)
class CreateToken:
    """A trigger token of the caller."""

    mark: str
    owner: str
    expires_on: str | None

    def __str__(self) -> str:
        until = f", to expire on {self.expires_on} if this GitLab can do that" if self.expires_on else ""
        return f"create a trigger token in GitLab, owned by {self.owner}{until}"


@dataclass(frozen=True)
class StoreToken:
    """A token into SSM: that of the id, or the one that has just been created."""

    parameter: str
    region: str
    token_id: int | None
    key_arn: str | None
    replace: bool

    def __str__(self) -> str:
        which = f"trigger token {self.token_id}" if self.token_id else "the new trigger token"
        how = "in the place of the old one" if self.replace else "as a SecureString"
        return f"store {which} in the SSM parameter {self.parameter} in {self.region}, {how}"


@dataclass(frozen=True)
class DeleteToken:
    """A trigger token out of GitLab."""

    token_id: int
    why: str

    def __str__(self) -> str:
        return f"delete trigger token {self.token_id} from GitLab: {self.why}"


@dataclass(frozen=True)
class SetVariable:
    """A CI/CD variable, new or with another value."""

    variable: CiVariable
    new: bool

    def __str__(self) -> str:
        said = {"protected": self.variable.protected, "masked": self.variable.masked}
        words = [word for word, is_so in said.items() if is_so]
        how = f" ({', '.join(words)})" if words else ""
        return f"{'set' if self.new else 'change'} the CI/CD variable {self.variable.key}{how}"


@dataclass(frozen=True)
class DeleteVariable:
    """A CI/CD variable away."""

    key: str

    def __str__(self) -> str:
        return f"delete the CI/CD variable {self.key}"


@dataclass(frozen=True)
class CommitFiles:
    """A branch with one commit; files are (whether new, text) by path."""

    branch: str
    start: str
    files: Mapping[str, tuple[bool, str]] = field(repr=False)
    message: str = field(repr=False)

    def __str__(self) -> str:
        named = ", ".join(f"{'add' if new else 'change'} {path}" for path, (new, _) in self.files.items())
        return f"commit to the branch {self.branch}: {named}"


@dataclass(frozen=True)
class OpenRequest:
    """A merge request."""

    branch: str
    target: str
    title: str
    description: str = field(repr=False)

    def __str__(self) -> str:
        return f"open the merge request {self.branch} -> {self.target}: {self.title}"


@dataclass(frozen=True)
class CloseRequest:
    """A merge request closed, not merged."""

    iid: int

    def __str__(self) -> str:
        return f"close the merge request !{self.iid}"


@dataclass(frozen=True)
class DeleteBranch:
    """A branch away."""

    branch: str

    def __str__(self) -> str:
        return f"delete the branch {self.branch}"


@dataclass(frozen=True)
class Revert:
    """A branch on which a commit is undone."""

    branch: str
    start: str
    commit: str
    request: int

    def __str__(self) -> str:
        return f"undo the commit of !{self.request} on the branch {self.branch}"


@dataclass(frozen=True)
class DeleteParameter:
    """An SSM parameter away."""

    name: str
    region: str

    def __str__(self) -> str:
        return f"delete the SSM parameter {self.name} in {self.region}"


@dataclass(frozen=True)
class EmptyBucket:
    """The packages of a project away, with every version."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"delete all objects below s3://{self.bucket}/{self.prefix}, with all their versions"


Step = (
    CreateToken
    | StoreToken
    | DeleteToken
    | SetVariable
    | DeleteVariable
    | CommitFiles
    | OpenRequest
    | CloseRequest
    | DeleteBranch
    | Revert
    | DeleteParameter
    | EmptyBucket
)
