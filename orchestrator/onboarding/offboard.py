"""The story of `offboard`: takes away what `onboard` has made, recognised by its marks, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.errors import ConfigurationError
from orchestrator.onboarding.decide import open_request
from orchestrator.onboarding.deciding_tokens import ours, stored_id
from orchestrator.onboarding.look import Observed, Wanted, World
from orchestrator.onboarding.onboard import Outcome, carry_out, unsettled
from orchestrator.onboarding.perform import Performer
from orchestrator.onboarding.problems import Problem, failure
from orchestrator.onboarding.steps import (
    CloseRequest,
    DeleteBranch,
    DeleteParameter,
    DeleteToken,
    DeleteVariable,
    EmptyBucket,
    OpenRequest,
    Revert,
    Step,
)
from orchestrator.onboarding.yaml_text import UneditableError, data_of
from orchestrator.onboarding_ports import GitLabFacts, MergeRequest, Role

TITLE = "Build packages without CodeBuild"
_ROUNDS = 5
# What the jobs of the components extend; no input gives these another name.
_HIDDEN_JOBS = {".orchestrator", ".orchestrator-deploy"}


def offboard(wanted: Wanted, world: World, *, artifacts: EmptyBucket | None = None, dry_run: bool = False) -> Outcome:
    """Take away what was made, or say with `dry_run` what that is; packages only if `artifacts` says where they are.

    What has been merged is undone by a merge request. Raises ConfigurationError for a caller who may not.
    """
    done: list[Step] = []
    notes: list[str] = []
    for _ in range(_ROUNDS):
        observed, farewells = _look(world, wanted)
        todo = [*steps(observed, farewells, wanted), *([] if artifacts is None or artifacts in done else [artifacts])]
        if dry_run or not todo:
            return Outcome(done or todo, list(_links(farewells, wanted)), [*notes, *_kept(observed, farewells, wanted)])
        performer = Performer(world, wanted, observed)
        done += carry_out(performer, todo)
        notes += performer.notes
    raise unsettled()


def steps(observed: Observed, farewells: Sequence[MergeRequest], wanted: Wanted) -> list[Step]:
    """Return what to take away: first what opens doors, then what is text, the packages last. Pure."""
    place = wanted.place
    return [
        *(DeleteToken(token.id, "onboard has made it") for token in ours(observed, wanted)),
        *([DeleteParameter(wanted.parameter, place.region)] if stored_id(observed, wanted) is not None else []),
        *(DeleteVariable(item.key) for item in observed.variables if item.description == place.mark),
        *_request_steps(observed, wanted),
        *_farewell(observed, farewells, wanted),
    ]


def _look(world: World, wanted: Wanted) -> tuple[Observed, Sequence[MergeRequest]]:
    """Look at what is there; of the files of the repository only whether our jobs are in the pipeline."""
    facts, place = world.gitlab.facts(), wanted.place
    if facts.caller.role < Role.MAINTAINER:
        raise failure([_not_allowed(facts.caller.name, facts.path)])
    observed = Observed(
        facts=facts,
        tokens=world.gitlab.tokens(),
        variables=world.gitlab.variables(),
        parameters=world.parameters.look([wanted.parameter]),
        elsewhere={},
        requests=_to_undo(world, facts, world.gitlab.merge_requests(place.branch)),
        branch_message=world.gitlab.branch_message(place.branch),
        files=None,
    )
    return observed, world.gitlab.merge_requests(place.farewell_branch)


def _to_undo(world: World, facts: GitLabFacts, requests: Sequence[MergeRequest]) -> Sequence[MergeRequest]:
    """Return the merge requests without those that were merged, once somebody has taken our jobs out by hand."""
    if not any(item.state == "merged" for item in requests):
        return requests
    text = world.gitlab.read(facts.config_path, facts.default_branch) or ""
    if _mentions_include(text):
        verdict = world.gitlab.lint(text)
        if not verdict.valid or _HIDDEN_JOBS & set(verdict.merged):
            return requests
    return [item for item in requests if item.state != "merged"]


def _mentions_include(text: str) -> bool:
    try:
        return "include" in data_of(text.removeprefix("\ufeff"))
    except UneditableError:
        return True


def _not_allowed(name: str, path: str) -> Problem:
    return Problem(
        f"{name} may not offboard {path}",
        "a role below Maintainer",
        "Maintainer, who may delete trigger tokens and CI/CD variables",
        "ask a maintainer or owner of the project to run this",
    )


def _request_steps(observed: Observed, wanted: Wanted) -> Iterator[Step]:
    request = open_request(observed)
    if request is not None and wanted.place.request_mark in request.description:
        yield CloseRequest(request.iid)
    if observed.branch_message is not None and wanted.place.is_ours(observed.branch_message):
        yield DeleteBranch(wanted.place.branch)


def _farewell(observed: Observed, farewells: Sequence[MergeRequest], wanted: Wanted) -> Iterator[Step]:
    """Yield what undoes the newest merge request that is left: one at a time, from what the one after it has left."""
    place, target = wanted.place, observed.facts.default_branch
    left = _left(observed, farewells, wanted)
    if not left or any(item.state == "opened" for item in farewells):
        return
    merged = left[0]
    yield Revert(place.farewell_branch, target, merged.commit, merged.iid)
    description = f"{_undoing(merged.iid)}\n\n{place.request_mark}"
    yield OpenRequest(place.farewell_branch, target, TITLE, description)


def _left(observed: Observed, farewells: Sequence[MergeRequest], wanted: Wanted) -> list[MergeRequest]:
    """Return the merge requests that were merged and that none undoes, the newest first."""
    said = [item.description for item in farewells if item.state in ("opened", "merged")]
    return [
        item
        for item in observed.requests
        if item.state == "merged" and item.commit and wanted.place.request_mark in item.description
        and not any(text.startswith(_undoing(item.iid)) for text in said)
    ]  # fmt: skip


def _undoing(iid: int) -> str:
    return f"Takes away what !{iid} has brought."


def _links(farewells: Sequence[MergeRequest], wanted: Wanted) -> Iterator[str]:
    for item in farewells:
        if item.state == "opened" and wanted.place.request_mark in item.description:
            yield f"merge request !{item.iid} ({item.state}): {item.url}"


def _kept(observed: Observed, farewells: Sequence[MergeRequest], wanted: Wanted) -> Iterator[str]:
    """Yield what stays for now, and what looks like ours and stays, because nothing proves it."""
    opened = any(item.state == "opened" for item in farewells)
    for request in _left(observed, farewells, wanted) if opened else ():
        yield f"what !{request.iid} has brought stays for now: merge the other request, and run it again"
    found = observed.parameters.get(wanted.parameter)
    if found is not None and stored_id(observed, wanted) is None:
        yield f"the SSM parameter {wanted.parameter} stays: onboard has not stored it"
    for item in wanted.variables:
        known = next((other for other in observed.variables if other.key == item.key), None)
        if known is not None and known.description != wanted.place.mark:
            yield f"the CI/CD variable {item.key} stays: onboard has not set it"


def artifacts_of(bucket: str | None, prefix: str) -> EmptyBucket:
    """Return where the packages of one project lie; raises ConfigurationError where others may lie there, too."""
    if bucket is None or not prefix:
        raise ConfigurationError(
            "it is not certain which packages are this project's",
            detail=f"observed: bucket {f'`{bucket}`' if bucket else 'made by prebuild'}, no `artifacts.prefix`\n"
            "expected: a bucket and a prefix that is this project's alone",
            hint="delete them by hand; an empty bucket that prebuild has made goes with `orchestrator dismantle`",
        )
    return EmptyBucket(bucket, f"{prefix.rstrip('/')}/")
