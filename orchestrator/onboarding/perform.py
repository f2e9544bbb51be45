"""Carries out steps: the only place where a decision touches the world."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatchmethod

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.onboarding.look import Observed, Wanted, World
from orchestrator.onboarding.marks import stored_description
from orchestrator.onboarding.steps import (
    CloseRequest,
    CommitFiles,
    CreateToken,
    DeleteBranch,
    DeleteParameter,
    DeleteToken,
    DeleteVariable,
    EmptyBucket,
    OpenRequest,
    Revert,
    SetVariable,
    Step,
    StoreToken,
)
from orchestrator.onboarding_ports import TriggerToken


@dataclass
class Performer:
    """One run: the world, and the token that it has made and not stored yet."""

    world: World
    wanted: Wanted
    observed: Observed
    made: TriggerToken | None = None
    notes: list[str] = field(default_factory=list)

    def do(self, step: Step) -> None:
        """Say a step and carry it out."""
        self.world.narrate(str(step))
        self._do(step)

    @singledispatchmethod
    def _do(self, step: Step) -> None:
        raise TypeError(type(step).__name__)

    @_do.register
    def _(self, step: CreateToken) -> None:
        self.made = self.world.gitlab.create_token(step.mark, step.expires_on)
        if step.expires_on and self.made.expires_at is None:
            self.notes.append("this GitLab lets no trigger token expire: rotate it yourself from time to time")

    @_do.register
    def _(self, step: StoreToken) -> None:
        token = self.made
        if step.token_id is not None:
            token = next((item for item in self.observed.tokens if item.id == step.token_id), None)
        if token is None or token.value is None:
            raise MachineryError("GitLab did not show the value of its new token", hint="run it again")
        facts = self.observed.facts
        description = stored_description(token.id, facts.id, facts.path, self.wanted.server)
        self.world.parameters.store(step.parameter, token.value, description, step.key_arn, replace=step.replace)

    @_do.register
    def _(self, step: DeleteToken) -> None:
        self.world.gitlab.delete_token(step.token_id)

    @_do.register
    def _(self, step: SetVariable) -> None:
        self.world.gitlab.set_variable(step.variable, new=step.new)

    @_do.register
    def _(self, step: DeleteVariable) -> None:
        self.world.gitlab.delete_variable(step.key)

    @_do.register
    def _(self, step: CommitFiles) -> None:
        self.world.gitlab.commit(step.branch, step.start, step.files, step.message)

    @_do.register
    def _(self, step: OpenRequest) -> None:
        self.world.gitlab.open_request(step.branch, step.target, step.title, step.description)

    @_do.register
    def _(self, step: CloseRequest) -> None:
        self.world.gitlab.close_request(step.iid)

    @_do.register
    def _(self, step: DeleteBranch) -> None:
        self.world.gitlab.delete_branch(step.branch)

    @_do.register
    def _(self, step: Revert) -> None:
        if not self.world.gitlab.revert(step.branch, step.start, step.commit):
            raise ConfigurationError(
                f"what !{step.request} has brought cannot be taken away by itself",
                detail="observed: later commits have changed the same lines",
                hint="take the component's `include:` and its stages out by hand, and run it again for the rest",
            )

    @_do.register
    def _(self, step: DeleteParameter) -> None:
        self.world.parameters.delete(step.name)

    @_do.register
    def _(self, step: EmptyBucket) -> None:
        count = self.world.buckets.empty(step.bucket, step.prefix)
        self.notes.append(f"{count} versions of objects are gone from s3://{step.bucket}/{step.prefix}")
