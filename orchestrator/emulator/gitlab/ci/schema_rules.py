"""Checks of `rules`, and of the keywords that rules can change; each yields its problems, worded as GitLab does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.emulator.gitlab.ci import keywords
from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.expression import parse
from orchestrator.emulator.gitlab.ci.shapes import are_texts, flatten, is_integer, is_scalar, one_of, unknown_keys


def check_variables(path: str, value: Any) -> Iterator[str]:
    """Check a `variables` mapping: scalars, or hashes with `value`, `description`, `options`, `expand`."""
    if value is None:
        return
    if not isinstance(value, dict):
        yield f"{path} config should be a hash of key value pairs"
        return
    for name, item in value.items():
        if isinstance(item, dict):
            yield from _variable(f"{path}:{name}", item)
        elif not is_scalar(item):
            yield f"{path}:{name} config variable definition must be either a string or a hash"


def _variable(path: str, item: dict[str, Any]) -> Iterator[str]:
    yield from unknown_keys(path, item, keywords.VARIABLE)
    if "value" in item and not is_scalar(item["value"]):
        yield f"{path} config value must be a string"
    if "expand" in item and not isinstance(item["expand"], bool):
        yield f"{path} config expand must be a boolean"
    options = item.get("options")
    if options is None:
        return
    if not isinstance(options, list) or not all(is_scalar(option) for option in options):
        yield f"{path} config options must be an array of strings"
    elif str(item.get("value", "")) not in [str(option) for option in options]:
        yield f"{path} config value must be present in options"


def check_rules(path: str, value: Any, *, workflow: bool = False) -> Iterator[str]:
    """Check a list of rules, of a job or of the workflow."""
    flat = flatten(value) if isinstance(value, list) else None
    if flat is None:
        yield f"{path} config should be an array of hashes"
        return
    for rule in flat:
        if isinstance(rule, dict):
            yield from _rule(f"{path}:rule", rule, workflow=workflow)
        else:
            yield f"{path} config should be an array of hashes"


def _rule(path: str, rule: dict[str, Any], *, workflow: bool) -> Iterator[str]:
    yield from unknown_keys(path, rule, keywords.WORKFLOW_RULE if workflow else keywords.RULE)
    allowed = keywords.WORKFLOW_WHEN if workflow else keywords.WHEN
    if not one_of(rule.get("when", "always"), allowed):
        yield f"{path} when unknown value: {rule['when']}"
    if "if" in rule:
        yield from _expression(f"{path} if", rule["if"])
    yield from check_variables(f"{path}:variables", rule.get("variables"))
    for key in ("changes", "exists"):
        if rule.get(key) is not None:
            yield from _paths(f"{path}:{key}", rule[key])
    if workflow and rule.get("auto_cancel") is not None:
        yield from check_auto_cancel(path, rule["auto_cancel"])
    if rule.get("needs") is not None:
        yield from check_needs(f"{path}:needs", rule["needs"])
    if rule.get("allow_failure") is not None:
        yield from check_allow_failure(f"{path}:allow_failure", rule["allow_failure"])


def _paths(path: str, value: Any) -> Iterator[str]:
    paths = value.get("paths", []) if isinstance(value, dict) else value
    if not are_texts(paths):
        yield f"{path} config should be an array of strings"
    for key in ("compare_to", "project", "ref") if isinstance(value, dict) else ():
        if not isinstance(value.get(key, ""), str):
            yield f"{path}:{key} should be a string"


def check_auto_cancel(path: str, value: Any) -> Iterator[str]:
    """Check `auto_cancel` of a workflow or of one of its rules."""
    wanted = value.get("on_new_commit", "conservative") if isinstance(value, dict) else None
    if not one_of(wanted, keywords.AUTO_CANCEL):
        yield f"{path}:auto_cancel on new commit must be one of: conservative, interruptible, none"


def _expression(path: str, value: Any) -> Iterator[str]:
    try:
        parse(value if isinstance(value, str) else "")
    except ConfigError:
        yield f"{path} invalid expression syntax"


def check_allow_failure(path: str, value: Any) -> Iterator[str]:
    """Check `allow_failure`: a boolean, or exit codes."""
    if isinstance(value, bool):
        return
    codes = value.get("exit_codes") if isinstance(value, dict) and set(value) == {"exit_codes"} else None
    if not (is_integer(codes) or (isinstance(codes, list) and codes and all(map(is_integer, codes)))):
        yield f"{path} config should be a boolean value or a hash with exit_codes"


def check_needs(path: str, value: Any) -> Iterator[str]:
    """Check `needs`: names, or hashes with `job`."""
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list):
        yield f"{path} config can only be a hash or an array"
        return
    if len(items) > keywords.MAX_NEEDS:
        yield f"{path} config has too many needs, the limit is {keywords.MAX_NEEDS}"
    for item in items:
        if isinstance(item, dict):
            yield from unknown_keys(f"{path}:need", item, keywords.NEED)
            if "project" in item or "pipeline" in item:
                yield f"{path}:need of another project or pipeline is not available in the emulator"
            elif not isinstance(item.get("job"), str):
                yield f"{path}:need job name can't be blank"
            if item.get("parallel") is not None:
                yield from check_parallel(f"{path}:need:parallel", item["parallel"], only_matrix=True)
        elif not isinstance(item, str):
            yield f"{path}:need has an unsupported type"


def check_parallel(path: str, value: Any, *, only_matrix: bool = False) -> Iterator[str]:
    """Check `parallel`: a number, or a matrix."""
    if is_integer(value) and not only_matrix:
        if not 1 <= value <= keywords.MAX_PARALLEL:
            yield f"{path} config must be between 1 and {keywords.MAX_PARALLEL}"
        return
    matrix = value.get("matrix") if isinstance(value, dict) and set(value) == {"matrix"} else None
    if not isinstance(matrix, list) or not matrix:
        yield f"{path} should be an integer or a hash with matrix"
        return
    for entry in matrix:
        values = entry.values() if isinstance(entry, dict) else [None]
        parts = [item for part in values for item in (part if isinstance(part, list) else [part])]
        if not parts or not all(is_scalar(item) for item in parts):
            yield f"{path}:matrix config should be an array of hashes of key value pairs"


def check_policy(path: str, value: Any) -> Iterator[str]:
    """Check `only` and `except`."""
    if isinstance(value, str) or are_texts(value):
        return
    if not isinstance(value, dict):
        yield f"{path} has to be either an array of conditions or a hash"
        return
    yield from unknown_keys(path, value, keywords.POLICY)
    for key in ("refs", "variables", "changes"):
        if value.get(key) is not None and not are_texts(value[key]):
            yield f"{path} {key} should be an array of strings"
        elif key == "variables":
            for item in value.get(key) or []:
                yield from _expression(f"{path} variables", item)
