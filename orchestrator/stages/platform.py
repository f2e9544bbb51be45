"""`platform plan` and `apply`: what is shared by the projects of one account and region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.errors import ConfigurationError
from orchestrator.plan.model import RenderedRoot, StatePlan
from orchestrator.plan.platform import TAG, PlatformPlan
from orchestrator.platform_ports import AccountView, Buckets, PlatformInfrastructure
from orchestrator.ports import Narrator
from orchestrator.render.platform import PROVIDER, STATE_BUCKET


class Render(Protocol):
    """Gives the Terraform root."""

    def __call__(self, state: StatePlan, *, provider_managed: bool, imports: Mapping[str, str]) -> RenderedRoot:
        """Render it for a state; `imports` is what is there already, by Terraform's address."""
        ...


@dataclass(frozen=True)
class PlatformWorld:
    """What `orchestrator platform` touches."""

    buckets: Buckets
    view: AccountView
    infrastructure: PlatformInfrastructure
    narrate: Narrator


def preview(plan: PlatformPlan, render: Render, world: PlatformWorld) -> Sequence[str]:
    """Return what `apply` would do, and do nothing. Raises what `apply` would refuse."""
    there = world.buckets.exists(plan.state_bucket)
    world.buckets.exists(plan.bucket)
    return world.infrastructure.preview(_rooted(plan, render, world, bucket_there=there))


def apply(plan: PlatformPlan, render: Render, world: PlatformWorld) -> Mapping[str, Any]:
    """Make the account look like the plan, and return what is published, by name.

    The bucket of the state comes first, by itself, and is taken into the state (imported) by the same apply that makes
    everything else. So there is no moment at which the state lies on one machine only: whoever is interrupted,
    wherever, runs it again from any machine.
    """
    # A bucket of somebody else stops us before anything is made.
    world.buckets.exists(plan.bucket)
    if not world.buckets.exists(plan.state_bucket):
        world.buckets.make(plan.state_bucket)
        world.narrate(f"made the bucket `{plan.state_bucket}` for the state of Terraform")
    outputs = world.infrastructure.apply(_rooted(plan, render, world, bucket_there=True))
    published: Mapping[str, Any] = outputs.get("published") or {}
    return published


def _rooted(plan: PlatformPlan, render: Render, world: PlatformWorld, *, bucket_there: bool) -> RenderedRoot:
    """Return the root for the account as it is now."""
    managed = _provider_is_ours(plan, world)
    imports = {STATE_BUCKET: plan.state_bucket} if bucket_there else {}
    if managed and world.view.provider(plan.provider_arn):
        imports[PROVIDER] = plan.provider_arn
    state = plan.state if bucket_there else plan.no_state
    return render(state, provider_managed=managed, imports=imports)


def _provider_is_ours(plan: PlatformPlan, world: PlatformWorld) -> bool:
    """Tell whether the OIDC provider is this platform's to keep; raises when another one does not admit our tokens."""
    found = world.view.provider(plan.provider_arn)
    if found is None or found.tags.get(TAG) == plan.region:
        return True
    world.narrate(f"`{plan.provider_arn}` is there already: it is used and left alone")
    if plan.audience not in found.audiences:
        raise ConfigurationError(
            "the OIDC provider of the account does not admit the tokens of these jobs",
            detail=f"observed audiences: {', '.join(found.audiences) or 'none'}\nexpected: {plan.audience}",
            hint="`aws iam add-client-id-to-open-id-connect-provider "
            f"--open-id-connect-provider-arn {plan.provider_arn} --client-id {plan.audience}`, "
            "or name one of its audiences in `gitlab.audience`",
        )
    return False
