"""From merged YAML to `Config`: defaults are applied, and what refers to jobs and stages is checked."""

from __future__ import annotations

from typing import Any

from orchestrator.emulator.gitlab.ci import durations, keywords
from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.model import Config, JobSpec, Need, Variables
from orchestrator.emulator.gitlab.ci.schema import is_job, problems
from orchestrator.emulator.gitlab.ci.shapes import flatten

Mapping = dict[str, Any]

_DEFAULT_STAGES = ["build", "test", "deploy"]


def normalise(config: Mapping, includes: list[Mapping]) -> Config:
    """Return the configuration in one form; raises `ConfigError` with all its problems."""
    found = problems(config)
    if found:
        raise ConfigError(*found)
    own = config.get("stages") or _DEFAULT_STAGES
    stages = [".pre", *dict.fromkeys(stage for stage in own if stage not in {".pre", ".post"}), ".post"]
    variables = read_variables(config.get("variables"))
    default = _defaults(config)
    jobs = [_job(name, value, default, variables) for name, value in config.items() if is_job(name, value)]
    found = _reference_problems(jobs, stages)
    if found:
        raise ConfigError(*found)
    return Config(stages, variables, config.get("workflow") or {}, jobs, config, includes)


def read_variables(raw: Any) -> Variables:
    """Return a `variables` mapping of the YAML."""
    values: dict[str, str] = {}
    unexpanded = set()
    for name, item in (raw or {}).items():
        value = item.get("value", "") if isinstance(item, dict) else item
        values[name] = _text(value)
        if isinstance(item, dict) and item.get("expand") is False:
            unexpanded.add(name)
    return Variables(values, frozenset(unexpanded))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _defaults(config: Mapping) -> Mapping:
    legacy = {key: config[key] for key in keywords.DEFAULT & keywords.GLOBAL if config.get(key) is not None}
    return {**legacy, **(config.get("default") or {})}


def _inherited(job: Mapping, default: Mapping, variables: Variables) -> tuple[Mapping, Variables]:
    inherit = job.get("inherit") or {}
    wanted = inherit.get("default", True)
    kept = default if wanted is True else {key: default[key] for key in wanted or [] if key in default}
    chosen = inherit.get("variables", True)
    passed = variables if chosen is True else variables.only(chosen or [])
    return {**kept, **{key: value for key, value in job.items() if value is not None}}, passed


def _job(name: str, raw: Mapping, default: Mapping, root_variables: Variables) -> JobSpec:
    job, inherited = _inherited(raw, default, root_variables)
    when = job.get("when", "on_success")
    allowed, codes = read_allow_failure(job.get("allow_failure"), default=when == "manual")
    return JobSpec(
        name=name,
        stage=job.get("stage", "test"),
        inherited=inherited,
        variables=read_variables(job.get("variables")),
        script=_lines(job.get("script")),
        before_script=_lines(job.get("before_script")),
        after_script=_lines(job.get("after_script")),
        when=when,
        allow_failure=allowed,
        allow_failure_exit_codes=codes,
        rules=flatten(job["rules"]) if "rules" in job else None,
        only=job.get("only"),
        excepted=job.get("except"),
        needs=read_needs(job["needs"]) if "needs" in job else None,
        dependencies=job.get("dependencies"),
        parallel=job.get("parallel"),
        options=_options(job),
    )


def _lines(script: Any) -> list[str]:
    return [str(line) for line in flatten(script) or []] if script is not None else []


def read_allow_failure(value: Any, *, default: bool) -> tuple[bool, list[int] | None]:
    """Return whether a job may fail, and with which exit codes only (None: any)."""
    if value is None:
        return default, None
    if isinstance(value, bool):
        return value, None
    codes = value["exit_codes"]
    return False, list(codes) if isinstance(codes, list) else [codes]


def read_needs(value: Any) -> list[Need]:
    """Return the entries of `needs`."""
    return [_need(item) for item in ([value] if isinstance(value, dict) else value)]


def _need(item: Any) -> Need:
    if isinstance(item, str):
        return Need(item)
    matrix = (item.get("parallel") or {}).get("matrix") or []
    rows = tuple(tuple((key, _text(value)) for key, value in row.items()) for row in matrix)
    return Need(item["job"], bool(item.get("artifacts", True)), bool(item.get("optional", False)), rows)


def _options(job: Mapping) -> Mapping:
    """Return the keywords that only the runner looks at."""
    retry = job.get("retry", 0)
    settings = retry if isinstance(retry, dict) else {"max": retry}
    environment = job.get("environment")
    tags = job.get("tags") or []
    return {
        "artifacts": job.get("artifacts") or {},
        "environment": {"name": environment} if isinstance(environment, str) else environment,
        "id_tokens": job.get("id_tokens") or {},
        "image": job.get("image"),
        "interruptible": bool(job.get("interruptible", False)),
        "resource_group": job.get("resource_group"),
        "retry": {
            key: value if key == "max" or isinstance(value, list) else [value] for key, value in settings.items()
        },
        "tags": [tags] if isinstance(tags, str) else tags,
        "timeout_seconds": durations.seconds(job["timeout"]) if "timeout" in job else None,
        "trigger": "trigger" in job,
    }


def _reference_problems(jobs: list[JobSpec], stages: list[str]) -> list[str]:
    found: list[str] = []
    stage_of = {job.name: job.stage for job in jobs}
    order = {stage: index for index, stage in enumerate(stages)}
    for job in jobs:
        if job.stage not in order:
            found.append(f"{job.name} job: chosen stage {job.stage} does not exist; available stages are "
                         f"{', '.join(stages)}")  # fmt: skip
    if found:
        return found
    for job in jobs:
        links = [(need.job, "need", need.optional) for need in job.needs or []]
        links += [(name, "dependency", False) for name in job.dependencies or []]
        for name, kind, optional in links:
            problem = _link_problem(job, name, kind, stage_of, order)
            if problem and not (optional and problem.endswith("undefined")):
                found.append(problem.removesuffix(" undefined"))
        needed = {need.job for need in job.needs or []}
        for name in job.dependencies or [] if job.needs is not None else []:
            if name not in needed:
                found.append(f"{job.name} job: dependency {name} should be part of needs")
    return found or _circles(jobs)


def _link_problem(job: JobSpec, name: str, kind: str, stage_of: dict[str, str], order: dict[str, int]) -> str:
    base = name if name in stage_of else _base_name(name, stage_of)
    if base is None:
        return f"{job.name} job: undefined {kind}: {name} undefined"
    if order[stage_of[base]] > order[job.stage]:
        return f"{job.name} job: {kind} {name} is not defined in current or prior stages"
    return ""


def _base_name(name: str, known: dict[str, str]) -> str | None:
    for separator in (": [", " "):
        base = name.rsplit(separator, 1)[0]
        if base != name and base in known:
            return base
    return None


def _circles(jobs: list[JobSpec]) -> list[str]:
    waiting = {job.name: {need.job for need in job.needs or []} for job in jobs}
    waiting = {name: needed & set(waiting) for name, needed in waiting.items()}
    while True:
        free = [name for name, needed in waiting.items() if not needed]
        if not free:
            break
        for name in free:
            del waiting[name]
        waiting = {name: needed - set(free) for name, needed in waiting.items()}
    names = ", ".join(waiting)
    return [f"The pipeline has circular dependencies: {names}"] if waiting else []
