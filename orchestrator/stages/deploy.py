"""deploy: the verified packages of one commit, all together, to one environment; then look at what runs there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.errors import ConfigurationError, Refused, Superseded
from orchestrator.plan.model import Plan, RenderedRoot
from orchestrator.ports import Clock, Functions, History, Infrastructure, Narrator, OpenStore
from orchestrator.stages.belonging import Asking, check_newest
from orchestrator.stages.deployed import Check, check_deployed
from orchestrator.stages.verified import Notes, Verified, complete


@dataclass(frozen=True)
class DeployWorld:
    """What deploy touches. `account` says whose credentials these are."""

    infrastructure: Infrastructure
    functions: Functions
    open_store: OpenStore
    account: Callable[[], str]
    history: History
    clock: Clock
    narrate: Narrator


@dataclass(frozen=True)
class Deployment:
    """What is asked for.

    `own` is the package that this pipeline has brought home. `after` names the environment that must have passed
    before, empty for none. `events` are what functions are called with, by package; None calls nothing. `render` gives
    the Terraform root for the packages.
    """

    environment: str
    after: str
    own: Verified
    asking: Asking
    events: Mapping[str, bytes] | None
    render: Callable[[Mapping[str, Verified]], RenderedRoot]


def deploy(plan: Plan, wanted: Deployment, world: DeployWorld) -> Mapping[str, Verified]:
    """Deploy all packages of the commit; return them.

    Raises `Superseded` if the branch has moved on, or if another package of the commit is still on its way, which will
    deploy them all; `Refused` if they have not passed the environment before, or something else runs than was
    verified; `BuildFailed` if a function fails when it is called.
    """
    items = {item.package: item for item in plan.builds}
    own = wanted.own
    if own.package not in items:
        raise ConfigurationError(
            f"there is no package `{own.package}`",
            detail=f"expected one of: {', '.join(sorted(items))}",
            hint="run the job in a pipeline of this configuration",
        )
    check_newest(own.commit, wanted.asking, world.history)
    notes = Notes(own.commit, plan.artifacts.prefix, world.open_store(own.bucket, world.account()))
    packages, missing = complete(items, own, notes)
    if missing:
        raise Superseded(
            f"{' and '.join(f'`{name}`' for name in missing)} of this commit has not come home yet",
            detail=f"expected: all packages of {own.commit}, which are deployed together",
            hint="nothing to do: the pipeline of the last one deploys them all",
        )
    if wanted.after:
        _check_passed(packages, notes, plan, wanted)
    for package in packages.values():
        world.narrate(f"{package.package}: s3://{package.bucket}/{package.key}, sha256 {package.sha256}")
    outputs = world.infrastructure.apply(wanted.render(packages))
    check = Check(wanted.environment, world.functions, world.clock, world.narrate)
    check_deployed(packages, outputs, check, wanted.events)
    for name, item in items.items():
        notes.note_passed(item, wanted.environment, packages[name])
    return packages


def _check_passed(packages: Mapping[str, Verified], notes: Notes, plan: Plan, wanted: Deployment) -> None:
    for item in plan.builds:
        passed = notes.passed(item, wanted.after)
        if passed != packages[item.package].sha256:
            raise Refused(
                f"`{item.package}` has not passed `{wanted.after}`",
                detail=f"passed there: sha256 {passed or 'nothing'}\nto deploy: sha256 {packages[item.package].sha256}",
                hint=f"run the job that deploys to `{wanted.after}` first",
            )
