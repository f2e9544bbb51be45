"""Which jobs of a configuration a pipeline gets: workflow, rules, parallel copies, needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.emulator.gitlab.ci.errors import NO_JOBS, WORKFLOW, ConfigError, Filtered
from orchestrator.emulator.gitlab.ci.expansion import expand, expand_all
from orchestrator.emulator.gitlab.ci.model import Config, JobSpec, Need, Plan, PlannedJob, Variables
from orchestrator.emulator.gitlab.ci.normalise import read_allow_failure, read_needs, read_variables
from orchestrator.emulator.gitlab.ci.parallel import Instance, instances, selected
from orchestrator.emulator.gitlab.ci.rules import Context, first_match, only_except
from orchestrator.emulator.gitlab.ci.shapes import flatten

Mapping = dict[str, Any]


@dataclass(frozen=True)
class Layers:
    """The variables known before a job runs, lowest precedence first; YAML ones come in between."""

    predefined: dict[str, str]
    project: dict[str, str]
    pipeline: dict[str, str]
    raw: frozenset[str] = frozenset()

    def over(self, yaml: Variables, extra: dict[str, str]) -> dict[str, str]:
        """Return all of them with YAML variables in their place, expanded (docs: variable precedence)."""
        known = {**self.predefined, **extra}
        given = {**self.project, **self.pipeline}
        # A branch may be called `$HOME`: what is predefined is never looked into.
        untouched = (known.keys() - yaml.values.keys() | yaml.raw) - given.keys() | self.raw
        return expand_all({**known, **yaml.values, **given}, untouched)

    def over_nothing(self) -> dict[str, str]:
        """Return all of them before any YAML is read, as `include` sees them."""
        return self.over(Variables(), {})


@dataclass(frozen=True)
class _Decision:
    when: str
    allow_failure: bool
    codes: list[int] | None
    variables: Variables
    needs: list[Need] | None
    interruptible: bool


def evaluate(config: Config, layers: Layers, context: Context) -> Plan:
    """Return the plan of a pipeline.

    Raises `Filtered` when the rules allow no pipeline, `ConfigError` when a needed job is missing.
    """
    rule = _workflow_rule(config, layers, context)
    workflow_variables = read_variables(rule.get("variables"))
    planned: list[PlannedJob] = []
    copies: dict[str, list[Instance]] = {}
    for job in config.jobs:
        copies[job.name] = instances(job)
        for copy in copies[job.name]:
            made = _plan_job(job, copy, config.stages, workflow_variables, layers, context)
            if made is not None:
                planned.append(made)
    if not any(job.stage not in {".pre", ".post"} for job in planned):
        raise Filtered(NO_JOBS)
    planned.sort(key=lambda job: job.stage_index)
    plan = [_link(job, planned, copies) for job in planned]
    cancel = (rule.get("auto_cancel") or config.workflow.get("auto_cancel") or {}).get("on_new_commit")
    variables = layers.over(workflow_variables.over(config.variables), {})
    name = config.workflow.get("name")
    title = expand(name, variables, missing_is_kept=False) if name else None
    return Plan(plan, title or None, cancel or "conservative")


def _workflow_rule(config: Config, layers: Layers, context: Context) -> Mapping:
    rules = config.workflow.get("rules")
    if rules is None:
        return {}
    variables = layers.over(config.variables, {})
    rule = first_match(flatten(rules) or [], context.having(variables))
    if rule is None or rule.get("when") == "never":
        raise Filtered(WORKFLOW)
    return rule


def _plan_job(
    job: JobSpec, copy: Instance, stages: list[str], workflow: Variables, layers: Layers, context: Context
) -> PlannedJob | None:
    # What a workflow rule sets lies over the global variables, but under the job's own.
    own = Variables(copy.variables).over(job.variables).over(workflow.over(job.inherited))
    extra = {"CI_JOB_NAME": copy.name, "CI_JOB_STAGE": job.stage, **_node(copy)}
    seen = context.having(layers.over(own, extra))
    try:
        decision = _decide(job, own, seen)
    except ConfigError as problem:
        raise ConfigError(*[f"jobs:{job.name}:rules {text}" for text in problem.problems]) from None
    if decision is None:
        return None
    spec = {
        **job.options,
        "script": job.script,
        "before_script": job.before_script,
        "after_script": job.after_script,
        "variables": decision.variables.values,
        "raw": sorted(decision.variables.raw),
        "predefined": _node(copy),
        "interruptible": decision.interruptible,
    }
    return PlannedJob(
        copy.name,
        job.stage,
        stages.index(job.stage),
        decision.when,
        decision.allow_failure,
        decision.codes,
        decision.needs,
        job.dependencies,
        spec,
        group=job.name,
    )


def _node(copy: Instance) -> dict[str, str]:
    if copy.index is None:
        return {"CI_NODE_TOTAL": "1"}
    return {"CI_NODE_INDEX": str(copy.index), "CI_NODE_TOTAL": str(copy.total)}


def _decide(job: JobSpec, own: Variables, context: Context) -> _Decision | None:
    plain = bool(job.options["interruptible"])
    if job.rules is None:
        if job.when == "never" or not only_except(job.only, job.excepted, context):
            return None
        return _Decision(job.when, job.allow_failure, job.allow_failure_exit_codes, own, job.needs, plain)
    rule = first_match(job.rules, context)
    if rule is None:
        return None
    when = rule.get("when") or job.when
    if when == "never":
        return None
    allowed, codes = job.allow_failure, job.allow_failure_exit_codes
    if rule.get("allow_failure") is not None:
        allowed, codes = read_allow_failure(rule["allow_failure"], default=False)
    needs = read_needs(rule["needs"]) if rule.get("needs") is not None else job.needs
    interruptible = bool(rule.get("interruptible", plain))
    return _Decision(when, allowed, codes, read_variables(rule.get("variables")).over(own), needs, interruptible)


def _link(job: PlannedJob, planned: list[PlannedJob], copies: dict[str, list[Instance]]) -> PlannedJob:
    present = {item.name for item in planned}
    needs: list[Need] | None = None
    for need in job.needs or []:
        names = selected(need, copies[need.job]) if need.job in copies else [need.job]
        found = [name for name in names if name in present]
        if not found and not need.optional:
            raise ConfigError(
                f"'{job.name}' job needs '{need.job}' job, but '{need.job}' does not exist in the pipeline. "
                "This might be because of the only, except, or rules keywords. "
                "To need a job that sometimes does not exist in the pipeline, use needs:optional."
            )
        needs = [*(needs or []), *[Need(name, need.artifacts, need.optional) for name in found]]
    if job.needs is not None and needs is None:
        needs = []
    dependencies = job.dependencies
    if dependencies is not None:
        dependencies = [copy.name for name in dependencies for copy in copies.get(name, [Instance(name, {})])]
    return PlannedJob(**{**job.__dict__, "needs": needs, "dependencies": dependencies})
