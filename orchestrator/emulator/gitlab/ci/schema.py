"""Checks the shape of a merged configuration and words every problem as GitLab does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.emulator.gitlab.ci import keywords
from orchestrator.emulator.gitlab.ci.schema_job import CHECKS
from orchestrator.emulator.gitlab.ci.schema_rules import check_auto_cancel, check_rules, check_variables

_RESERVED = frozenset(
    [
        "image",
        "services",
        "stages",
        "types",
        "before_script",
        "after_script",
        "variables",
        "cache",
        "include",
        "true",
        "false",
        "nil",
    ]
)


def is_job(name: str, value: Any) -> bool:
    """Tell whether a top-level entry is a job that can run: no keyword and not hidden."""
    return name not in keywords.GLOBAL and not name.startswith(".") and isinstance(value, dict)


def problems(config: dict[str, Any]) -> list[str]:
    """Return all problems of a configuration whose includes, extends and references are resolved."""
    found = [*_root(config), *_stages(config.get("stages")), *_default(config), *_workflow(config.get("workflow"))]
    found += check_variables("variables", config.get("variables", {}))
    jobs = {name: value for name, value in config.items() if is_job(name, value)}
    if not jobs and not found:
        found.append("jobs config should contain at least one visible job")
    for name, job in jobs.items():
        found += _job(name, job)
    return found


def _root(config: dict[str, Any]) -> Iterator[str]:
    unknown = [
        name
        for name, value in config.items()
        if name not in keywords.GLOBAL and not name.startswith(".") and not isinstance(value, dict)
    ]
    if unknown:
        yield f"root config contains unknown keys: {', '.join(unknown)}"
    for key in ("image", "services", "cache", "before_script", "after_script"):
        if config.get(key) is not None:
            yield from CHECKS[key](key, config[key])


def _stages(stages: Any) -> Iterator[str]:
    if stages is not None and not (isinstance(stages, list) and all(isinstance(item, str) for item in stages)):
        yield "stages config should be an array of strings"


def _default(config: dict[str, Any]) -> Iterator[str]:
    default = config.get("default")
    if default is None:
        return
    if not isinstance(default, dict):
        yield "default config should be a hash"
        return
    unknown = [key for key in default if key not in keywords.DEFAULT]
    if unknown:
        yield f"default config contains unknown keys: {', '.join(unknown)}"
    doubled = [key for key in keywords.DEFAULT & keywords.GLOBAL if key in default and key in config]
    for key in sorted(doubled):
        yield f"default config contains duplicated configurations: {key}"
    yield from _values("default", default)


def _workflow(workflow: Any) -> Iterator[str]:
    if workflow is None:
        return
    if not isinstance(workflow, dict):
        yield "workflow config should be a hash"
        return
    unknown = [key for key in workflow if key not in keywords.WORKFLOW]
    if unknown:
        yield f"workflow config contains unknown keys: {', '.join(unknown)}"
    if "name" in workflow and not isinstance(workflow["name"], str):
        yield "workflow name should be a string"
    if "rules" in workflow:
        yield from check_rules("workflow:rules", workflow["rules"], workflow=True)
    if workflow.get("auto_cancel") is not None:
        yield from check_auto_cancel("workflow", workflow["auto_cancel"])


def _job(name: str, job: dict[str, Any]) -> Iterator[str]:
    path = f"jobs:{name}"
    if not name.strip() or len(name) > 255:
        yield f"{path} job name can't be blank or longer than 255 characters"
    if name in _RESERVED:
        yield f"{path} job name is a reserved keyword"
    unknown = [key for key in job if key not in keywords.JOB]
    if unknown:
        yield f"{path} config contains unknown keys: {', '.join(unknown)}"
    if not any(job.get(key) is not None for key in ("script", "trigger", "run")):
        yield f"{path} config should implement the script:, run:, or trigger: keyword"
    if job.get("run") is not None:
        yield f"{path}:run is not available in the emulator"
    yield from _combinations(path, job)
    yield from _values(path, job)


def _combinations(path: str, job: dict[str, Any]) -> Iterator[str]:
    if job.get("rules") is not None:
        clashes = [key for key in ("only", "except") if job.get(key) is not None]
        if clashes:
            yield f"{path} config key may not be used with `rules`: {', '.join(clashes)}"
    if job.get("trigger") is not None:
        clashes = [key for key in ("script", "before_script", "after_script") if job.get(key) is not None]
        if clashes:
            yield f"{path} config contains unknown keys: {', '.join(clashes)}"
    if job.get("when") == "delayed" and job.get("start_in") is None:
        yield f"{path} start in should be a duration"


def _values(path: str, entries: dict[str, Any]) -> Iterator[str]:
    for key, value in entries.items():
        check = CHECKS.get(key)
        if check is not None and value is not None:
            yield from check(f"{path}:{key}", value)
