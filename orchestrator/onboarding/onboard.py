"""The story of `onboard`: look, decide, act, and look again until nothing is left to do.

There is no record of how far a run has come. What is there is the record, so a run that was killed is finished by the
next one, and a run that met another one looks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.errors import MachineryError
from orchestrator.onboarding.decide import open_request, problems, said_of_deploy, steps
from orchestrator.onboarding.deciding_tokens import stored_id
from orchestrator.onboarding.look import Files, Observed, Wanted, World, look
from orchestrator.onboarding.perform import Performer
from orchestrator.onboarding.problems import failure
from orchestrator.onboarding.steps import Step, StoreToken
from orchestrator.onboarding_ports import Raced

_ROUNDS = 5


@dataclass(frozen=True)
class Outcome:
    """What was done, or would be; and what there is afterwards: a line each, with links."""

    steps: Sequence[Step]
    links: Sequence[str]
    notes: Sequence[str]


def onboard(wanted: Wanted, world: World, *, rotate: bool = False, dry_run: bool = False) -> Outcome:
    """Connect a project, or say with `dry_run` what that would be.

    Raises ConfigurationError or Refused for what is in the way, before anything is touched.
    """
    if wanted.bucket is not None:
        world.buckets.exists(wanted.bucket)
    done: list[Step] = []
    notes: list[str] = []
    rotated = False
    for _ in range(_ROUNDS):
        observed = look(world, wanted)
        found = problems(observed, wanted, rotate=rotate)
        if found:
            raise failure(found)
        todo = steps(observed, wanted, rotate=rotate, rotated=rotated)
        if dry_run or not todo:
            return Outcome(done or todo, list(links(observed, wanted)), [*notes, *_hints(observed, wanted)])
        performer = Performer(world, wanted, observed)
        did = carry_out(performer, todo)
        rotated = rotated or any(isinstance(step, StoreToken) for step in did)
        done, notes = [*done, *did], [*notes, *performer.notes]
    raise unsettled()


def carry_out(performer: Performer, todo: Sequence[Step]) -> list[Step]:
    """Carry out steps; return those that were, which are not all if somebody else was at it."""
    done: list[Step] = []
    for step in todo:
        try:
            performer.do(step)
        except Raced as raced:
            performer.world.narrate(f"{raced.what}; looking again")
            performer.world.pause()
            break
        done.append(step)
    return done


def unsettled() -> MachineryError:
    """Return the failure of a run that always finds something else than it has left."""
    return MachineryError(
        "the project does not come to rest",
        detail=f"observed: after {_ROUNDS} rounds there is still something to do; expected: nothing",
        hint="wait until nobody else is at it, and run it again",
    )


def links(observed: Observed, wanted: Wanted) -> Iterator[str]:
    """Yield where to look at what was made."""
    url = observed.facts.url
    number = stored_id(observed, wanted)
    if number is not None and wanted.token:
        yield f"trigger token {number}: {url}/-/settings/ci_cd#js-pipeline-triggers"
        yield f"SSM parameter: {wanted.parameter} in {wanted.place.region}"
    for item in wanted.variables:
        yield f"variable {item.key}: {url}/-/settings/ci_cd#js-cicd-variables-settings"
    request = open_request(observed) or next(iter(observed.requests), None)
    if request is not None and wanted.place.request_mark in request.description:
        yield f"merge request !{request.iid} ({request.state}): {request.url}"


def _hints(observed: Observed, wanted: Wanted) -> Iterator[str]:
    facts = observed.facts
    if wanted.variables and not facts.protected:
        yield (
            f"the branch {facts.default_branch} is not protected, so its jobs do not get the variables: protect it in "
            f"{facts.url}/-/settings/repository#js-protected-branches-settings"
        )
    if not wanted.variables:
        yield "no platform has published roles for this project, so the jobs need AWS credentials of their own"
    if observed.files is not None:
        yield from _of_files(observed.files, observed, wanted)


def _of_files(files: Files, observed: Observed, wanted: Wanted) -> Iterator[str]:
    waits = wanted.component.inputs.get("return", "trigger") == "wait"
    request = open_request(observed)
    if request is not None and wanted.place.trailer(files.texts) not in (observed.branch_message or ""):
        yield (
            f"!{request.iid} is from before something has changed, here or on {observed.facts.default_branch}: if it "
            "does not bring what you want now, close it and run this again"
        )
    for component in files.present:
        known = component.inputs.get("return", "trigger")
        if (known == "wait") != waits and "$" not in known:
            yield (
                f"`{observed.facts.config_path}` has `{component.name}` with `return: {known}`, which does not fit "
                f"{wanted.path}: correct that input by hand"
            )
    if wanted.deployable.why_not:
        yield f"the component `deploy` is not included: {wanted.deployable.why_not}"
    if files.deploy is not None:
        yield said_of_deploy(files.deploy)
    if files.unpushed:
        yield f"`{files.unpushed}` is not on {observed.facts.default_branch} yet: push it before you merge"
    if wanted.deployable.files and wanted.variables and wanted.deploy_role is None:
        yield (
            f"the platform has no role for the jobs that deploy: write `deploy: {{}}` for {observed.facts.path} in "
            "platform.yml, or set ORCHESTRATOR_DEPLOY_ROLE_ARN"
        )
    if files.changes.get(wanted.path, (False, ""))[0]:
        yield (
            f"{wanted.path} is not on {observed.facts.default_branch}, and the merge request brings it with more: "
            f"do not commit the one here; after the merge, `rm {wanted.path} && git pull`"
        )
