"""What a rerun is going to do, as people read it before it is done."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.costs.estimate import estimate_of_plan, in_words
from orchestrator.costs.prices import Prices, machine_name
from orchestrator.plan.digest import marker
from orchestrator.plan.model import BuildPlan
from orchestrator.records import BuildRecord
from orchestrator.render.outcome_table import duration
from orchestrator.vocabulary import BuildStatus

_SHOWN = 12


@dataclass(frozen=True)
class Facts:
    """What is known of a rerun of one package.

    `settings` are those that are applied, `own_settings` those of the configuration here, both as digests; `ref` is
    empty if nobody is called. `earlier` is the newest build of the commit, for the ref `known_as` if that is not empty;
    `succeeded` is the newest of any commit that has succeeded.
    """

    commit: str
    ref: str
    known_as: str
    settings: str
    own_settings: str
    snapshot_sha256: str
    earlier: BuildRecord | None
    succeeded: BuildRecord | None


def rerun_text(item: BuildPlan, facts: Facts, prices: Prices) -> str:
    """Return lines of `label: value`: what, why, from what, with which settings, and the probable cost."""
    lines = {
        "commit:": f"{facts.commit}, for {facts.ref or 'nobody but you'}",
        "why:": _why(facts),
        "settings:": _settings(item, facts),
        "source:": _source(facts),
        "image:": f"{item.image} on {item.environment_type}, {item.compute_type}",
        "cost:": _cost(item, facts.succeeded, prices),
    }
    return "\n".join([f"{item.package} for {item.target}", *(f"  {label:<10}{text}" for label, text in lines.items())])


def _why(facts: Facts) -> str:
    earlier = facts.earlier
    if earlier is None:
        whose = f" for {facts.known_as}" if facts.known_as else ""
        return f"you ask for it; no build of this commit{whose} is known"
    if not earlier.complete:
        return f"you ask for it; {earlier.id} still runs, and goes on"
    failed = earlier.failed_phase
    where = f" in {failed.name}" if failed and earlier.status != BuildStatus.SUCCEEDED else ""
    return f"you ask for it; {earlier.id} ended {earlier.status}{where}"


def _settings(item: BuildPlan, facts: Facts) -> str:
    text = f"{facts.settings[:_SHOWN]}, which prebuild has applied"
    told = facts.earlier.variables.get("ORCHESTRATOR_MARKER", "") if facts.earlier else ""
    if told:
        same = told == marker(item.codebuild_project, facts.commit, facts.settings)
        text += "; the same as then" if same else "; others than then"
    if facts.settings != facts.own_settings:
        text += f"; here they are {facts.own_settings[:_SHOWN]}, which is not applied"
    return text


def _source(facts: Facts) -> str:
    if facts.snapshot_sha256:
        return f"the stored snapshot, sha256 {facts.snapshot_sha256[:_SHOWN]}"
    return "the commit, from this checkout or, with `source: clone`, from GitLab"


def _cost(item: BuildPlan, succeeded: BuildRecord | None, prices: Prices) -> str:
    if succeeded is None or succeeded.started is None or succeeded.ended is None:
        return "not known: no build has succeeded yet"
    seconds = max(0.0, (succeeded.ended - succeeded.started).total_seconds())
    found = in_words(estimate_of_plan(item, seconds, prices))
    return f"{found}, if it takes {duration(seconds)} again" if found else f"not known: {_no_price(item, prices)}"


def _no_price(item: BuildPlan, prices: Prices) -> str:
    if item.fleet:
        return "a fleet is not paid by the build"
    machine = machine_name(item.environment_type, item.compute_type)
    if not machine:
        return f"{item.compute_type} has no price in AWS's list"
    return f"no price of {machine} in {prices.region}; `prices` in orchestrator.yml may name it"
