"""The world as `doctor` looks at it: this machine, an AWS account, a GitLab project. It changes nothing.

A port raises nothing but `OrchestratorError`: whatever it is, it means that nobody could look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from orchestrator.onboarding_ports import StoredParameter, TriggerToken
from orchestrator.vocabulary import Word


class BucketState(Word):
    """What a bucket is to an account."""

    OURS = "ours"
    ABSENT = "absent"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Identity:
    """Who asks AWS."""

    account: str
    arn: str


@dataclass(frozen=True)
class Quota:
    """How many builds of one size may run at once, and the code to ask for more with."""

    code: str
    value: float


@dataclass(frozen=True)
class TokenFacts:
    """The token that GitLab is asked with; `expires_on` is None for never."""

    scopes: tuple[str, ...]
    active: bool
    expires_on: date | None


@dataclass(frozen=True)
class ProjectFacts:
    """What matters of a GitLab project; `access` is the caller's level, `variables_role` who may give variables."""

    id: int
    path: str
    default_branch: str
    protected: bool
    access: int
    variables_role: str


class LocalMachine(Protocol):
    """What is installed here."""

    def terraform(self) -> str:
        """Return the name and version of the Terraform that prebuild would run."""
        ...

    def provider(self) -> str:
        """Return where the AWS provider would come from, empty for the registry."""
        ...

    def registry_answers(self) -> bool:
        """Tell whether the registry of providers can be reached."""
        ...


class ExaminedAccount(Protocol):
    """An AWS account in one region."""

    def identity(self) -> Identity:
        """Return who asks."""
        ...

    def time(self) -> datetime:
        """Return what time it is at AWS; it says so even to somebody whom it does not know."""
        ...

    def images(self) -> Sequence[str]:
        """Return the images that CodeBuild offers in the region."""
        ...

    def quotas(self) -> Mapping[str, Quota]:
        """Return CodeBuild's quotas by name."""
        ...

    def parameters(self, names: Sequence[str], region: str) -> Mapping[str, StoredParameter]:
        """Return those of the SSM parameters that are in a region, by name."""
        ...

    def bucket(self, name: str, account: str) -> BucketState:
        """Return what a bucket is to an account; raises if it is closed, and the list of one's own as well."""
        ...


class ExaminedProject(Protocol):
    """A GitLab server and one project of it, as the owner of a token sees them."""

    def version(self) -> str:
        """Return the version of the server."""
        ...

    def token(self) -> TokenFacts:
        """Return what the token may do, and for how long."""
        ...

    def project(self) -> ProjectFacts | None:
        """Return the project, None if the token sees none."""
        ...

    def triggers(self) -> Sequence[TriggerToken]:
        """Return the trigger tokens with their owners; those are nobody who has left."""
        ...
