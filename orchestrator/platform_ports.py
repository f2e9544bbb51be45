"""The world as `orchestrator platform` sees it: an AWS account in the hands of a person, and Terraform.

`orchestrator.effects` implements the protocols; a port raises nothing but `OrchestratorError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.plan.model import RenderedRoot
from orchestrator.records import ProjectRecord


@dataclass(frozen=True)
class Provider:
    """An IAM OIDC provider: the audiences that it admits, and its tags."""

    audiences: tuple[str, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class TrustingRole:
    """A role that jobs take through a provider, and its tags."""

    arn: str
    tags: Mapping[str, str]


class Buckets(Protocol):
    """The S3 buckets of one account; one of another account is never touched."""

    def exists(self, bucket: str) -> bool:
        """Tell whether the account has the bucket; raises `Refused` when somebody else has it."""
        ...

    def make(self, bucket: str) -> None:
        """Make a private bucket; one that the account has already stays as it is."""
        ...

    def keys(self, bucket: str) -> Sequence[str]:
        """Return the keys of everything in the bucket, old versions included, each once."""
        ...

    def read(self, bucket: str, key: str) -> bytes | None:
        """Return a small object, None when there is none under the key now."""
        ...

    def empty(self, bucket: str) -> int:
        """Delete every version of everything in it, for good; return how many versions."""
        ...

    def remove(self, bucket: str) -> None:
        """Delete an empty bucket; one that is gone already is no failure."""
        ...


class AccountView(Protocol):
    """What there is in the account beside buckets."""

    def provider(self, arn: str) -> Provider | None:
        """Return the OIDC provider, None when there is none."""
        ...

    def roles_trusting(self, provider_arn: str) -> Sequence[TrustingRole]:
        """Return every role of the account that can be taken through the provider."""
        ...

    def build_projects(self) -> Sequence[ProjectRecord]:
        """Return the CodeBuild projects of the region that the orchestrator has made."""
        ...


class PlatformInfrastructure(Protocol):
    """Terraform, for a root that a person looks at before it is applied or taken away."""

    def preview(self, root: RenderedRoot) -> Sequence[str]:
        """Return what applying the root would do: a line that counts, then a line for each change."""
        ...

    def apply(self, root: RenderedRoot) -> Mapping[str, Any]:
        """Plan the root, apply exactly that plan, and return its outputs."""
        ...

    def destroy(self, root: RenderedRoot, targets: Sequence[str], agree: Callable[[Sequence[str]], None]) -> None:
        """Plan the end of the targets, show it to `agree`, which may raise, and do exactly that."""
        ...
