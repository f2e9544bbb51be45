"""Which variables a pipeline and a job have, in GitLab's order of precedence."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.emulator.gitlab.ci import predefined
from orchestrator.emulator.gitlab.ci.evaluate import Layers
from orchestrator.emulator.gitlab.ci.expansion import expand, expand_all
from orchestrator.emulator.gitlab.records import Job, Pipeline, Project, Variable
from orchestrator.emulator.gitlab.world import World, is_protected, name_matches


@dataclass(frozen=True)
class JobVariables:
    """The variables of one job before they are expanded.

    `files` are those whose value belongs into a file, `raw` are never expanded, `masked` are the values
    that must not appear in the log.
    """

    values: dict[str, str]
    files: frozenset[str]
    raw: frozenset[str]
    masked: list[str]


def project_variables(project: Project, *, protected: bool, environment: str = "") -> list[Variable]:
    """Return the project's variables for a ref and environment; the closest environment scope wins."""
    chosen: dict[str, Variable] = {}
    for variable in sorted(project.variables, key=lambda item: len(item.environment_scope.replace("*", ""))):
        fits = variable.environment_scope == "*" or (
            environment and name_matches(variable.environment_scope, environment)
        )
        if fits and (protected or not variable.protected):
            chosen[variable.key] = variable
    return list(chosen.values())


def layers(world: World, project: Project, pipeline: Pipeline) -> tuple[Layers, frozenset[str]]:
    """Return the variables that rules can see, and the names of the masked ones."""
    protected = is_protected(project, pipeline.ref, tag=pipeline.tag)
    own = project_variables(project, protected=protected)
    known = at_creation(world, project, pipeline)
    raw = frozenset(item.key for item in [*own, *pipeline.variables] if item.raw)
    masked = frozenset(item.key for item in own if item.masked)
    return Layers(known, _values(own), _values(pipeline.variables), raw), masked


def at_creation(world: World, project: Project, pipeline: Pipeline) -> dict[str, str]:
    """Return the predefined variables that are known before a pipeline exists."""
    return predefined.of_creation(
        project,
        pipeline,
        world.repository(project).commit(pipeline.sha),
        world.state.users[pipeline.user_id],
        world.server,
        protected=is_protected(project, pipeline.ref, tag=pipeline.tag),
    )


def _values(variables: list[Variable]) -> dict[str, str]:
    return {item.key: item.value for item in variables}


def of_job(world: World, pipeline: Pipeline, job: Job, inherited: list[tuple[str, str]]) -> JobVariables:
    """Return the variables of a job that is about to run; `inherited` are dotenv ones of earlier jobs."""
    project = world.project_of(job)
    known = {
        **at_creation(world, project, pipeline),
        **predefined.of_pipeline(pipeline, project, world.server),
        **predefined.of_job(job, project, world.server),
        **job.spec.get("predefined", {}),
    }
    yaml = {**job.spec.get("variables", {}), **dict(inherited)}
    name = environment_name(job, {**known, **yaml, **_values(pipeline.variables)})
    if name:
        known |= _environment(job, name)
    protected = is_protected(project, pipeline.ref, tag=pipeline.tag)
    own = project_variables(project, protected=protected, environment=name)
    given = [*own, *pipeline.variables, *[Variable(**item) for item in job.extra_variables]]
    by_name = {item.key: item for item in given}
    values = {**known, **yaml, **_values(list(by_name.values()))}
    # A branch may be called `$HOME`: what is predefined, or comes from a dotenv file, is never looked into.
    fixed = {item for item in known if item not in yaml and item != "CI_ENVIRONMENT_URL"}
    fixed |= {item for item, _ in inherited} | set(job.spec.get("raw", []))
    raw = fixed - by_name.keys() | {item.key for item in by_name.values() if item.raw or item.variable_type == "file"}
    return JobVariables(
        values,
        frozenset(item.key for item in by_name.values() if item.variable_type == "file"),
        frozenset(raw),
        [item.value for item in own if item.masked] + [job.token],
    )


def environment_name(job: Job, values: dict[str, str]) -> str:
    """Return the name of a job's environment with its variables replaced, empty without one."""
    environment = job.spec.get("environment") or {}
    return expand(str(environment.get("name", "")), expand_all(values), missing_is_kept=False)


def _environment(job: Job, name: str) -> dict[str, str]:
    environment = job.spec["environment"]
    variables = {
        "CI_ENVIRONMENT_ACTION": environment.get("action", "start"),
        "CI_ENVIRONMENT_NAME": name,
        "CI_ENVIRONMENT_SLUG": predefined.slug(name)[:24].strip("-"),
        "CI_ENVIRONMENT_TIER": environment.get("deployment_tier", _tier(name)),
    }
    if environment.get("url"):
        variables["CI_ENVIRONMENT_URL"] = environment["url"]
    return variables


def _tier(name: str) -> str:
    tiers = (("prod", "production"), ("live", "production"), ("stag", "staging"), ("test", "testing"),
             ("qa", "testing"), ("dev", "development"), ("review", "development"))  # fmt: skip
    return next((tier for word, tier in tiers if word in name.lower()), "other")
