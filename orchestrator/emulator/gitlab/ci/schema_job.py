"""Checks of the single keywords of a job; each yields its problems, worded as GitLab does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.emulator.gitlab.ci import durations, keywords
from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.expression import parse

Check = Callable[[str, Any], Iterator[str]]


def _scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def one_of(value: Any, words: frozenset[str]) -> bool:
    """Tell whether a value is one of the words."""
    return isinstance(value, str) and value in words


def _unknown(path: str, value: dict[str, Any], known: frozenset[str]) -> Iterator[str]:
    unknown = [key for key in value if key not in known]
    if unknown:
        yield f"{path} config contains unknown keys: {', '.join(unknown)}"


def flatten(value: Any, depth: int = 0) -> list[Any] | None:
    """Return a nested list flat, None when it is nested more than ten levels deep."""
    if not isinstance(value, list):
        return [value]
    if depth > keywords.MAX_SCRIPT_DEPTH:
        return None
    flat: list[Any] = []
    for item in value:
        inner = flatten(item, depth + 1)
        if inner is None:
            return None
        flat += inner
    return flat


def _script(path: str, value: Any) -> Iterator[str]:
    flat = flatten(value)
    if flat is None or not all(isinstance(line, str) for line in flat) or not isinstance(value, str | list):
        yield f"{path} config should be a string or a nested array of strings up to 10 levels deep"
    elif path.endswith(":script") and not flat:
        yield f"{path} can't be blank"


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
        elif not _scalar(item):
            yield f"{path}:{name} config variable definition must be either a string or a hash"


def _variable(path: str, item: dict[str, Any]) -> Iterator[str]:
    yield from _unknown(path, item, keywords.VARIABLE)
    if "value" in item and not _scalar(item["value"]):
        yield f"{path} config value must be a string"
    if "expand" in item and not isinstance(item["expand"], bool):
        yield f"{path} config expand must be a boolean"
    options = item.get("options")
    if options is None:
        return
    if not isinstance(options, list) or not all(_scalar(option) for option in options):
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
    yield from _unknown(path, rule, keywords.WORKFLOW_RULE if workflow else keywords.RULE)
    allowed = keywords.WORKFLOW_WHEN if workflow else keywords.WHEN
    if not one_of(rule.get("when", "always"), allowed):
        yield f"{path} when unknown value: {rule['when']}"
    if "if" in rule:
        yield from _expression(f"{path} if", rule["if"])
    yield from check_variables(f"{path}:variables", rule.get("variables"))
    for key in ("changes", "exists"):
        value = rule.get(key)
        paths = value.get("paths", []) if isinstance(value, dict) else value
        if value is not None and not _texts(paths):
            yield f"{path}:{key} config should be an array of strings"
    if rule.get("needs") is not None:
        yield from _needs(f"{path}:needs", rule["needs"])
    if rule.get("allow_failure") is not None:
        yield from _allow_failure(f"{path}:allow_failure", rule["allow_failure"])


def _expression(path: str, value: Any) -> Iterator[str]:
    try:
        parse(value if isinstance(value, str) else "")
    except ConfigError:
        yield f"{path} invalid expression syntax"


def _when(path: str, value: Any) -> Iterator[str]:
    if not one_of(value, keywords.WHEN):
        yield f"{path.rsplit(':', 1)[0]} when should be one of: {', '.join(sorted(keywords.WHEN))}"


def _allow_failure(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        return
    codes = value.get("exit_codes") if isinstance(value, dict) and set(value) == {"exit_codes"} else None
    if not (_integer(codes) or (isinstance(codes, list) and codes and all(map(_integer, codes)))):
        yield f"{path} config should be a boolean value or a hash with exit_codes"


def _needs(path: str, value: Any) -> Iterator[str]:
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list):
        yield f"{path} config can only be a hash or an array"
        return
    if len(items) > keywords.MAX_NEEDS:
        yield f"{path} config has too many needs, the limit is {keywords.MAX_NEEDS}"
    for item in items:
        if isinstance(item, dict):
            yield from _unknown(f"{path}:need", item, keywords.NEED)
            if "project" in item or "pipeline" in item:
                yield f"{path}:need of another project or pipeline is not available in the emulator"
            elif not isinstance(item.get("job"), str):
                yield f"{path}:need job name can't be blank"
        elif not isinstance(item, str):
            yield f"{path}:need has an unsupported type"


def _artifacts(path: str, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} config should be a hash"
        return
    yield from _unknown(path, value, keywords.ARTIFACTS)
    for key in ("paths", "exclude"):
        if value.get(key) is not None and not _texts(value[key]):
            yield f"{path} {key} should be an array of strings"
    if not one_of(value.get("when", "on_success"), keywords.ARTIFACTS_WHEN):
        yield f"{path} when should be on_success, on_failure or always"
    expiry = value.get("expire_in")
    if expiry is not None and expiry != "never" and durations.seconds(expiry) is None:
        yield f"{path} expire in should be a duration"
    yield from _reports(path, value.get("reports"))


def _reports(path: str, reports: Any) -> Iterator[str]:
    if reports is None:
        return
    if not isinstance(reports, dict):
        yield f"{path}:reports config should be a hash"
        return
    yield from _unknown(f"{path}:reports", reports, keywords.REPORTS)
    for key in ("dotenv", "junit"):
        if reports.get(key) is not None and not (isinstance(reports[key], str) or _texts(reports[key])):
            yield f"{path}:reports {key} should be an array of strings or a string"


def _retry(path: str, value: Any) -> Iterator[str]:
    settings = {"max": value} if _integer(value) else value
    if not isinstance(settings, dict):
        yield f"{path} config should be a hash or an integer"
        return
    yield from _unknown(path, settings, keywords.RETRY)
    times = settings.get("max", 0)
    if not _integer(times) or not 0 <= times <= 2:
        yield f"{path} config must be less than or equal to 2"
    whens = settings.get("when", [])
    for item in whens if isinstance(whens, list) else [whens]:
        if not one_of(item, keywords.RETRY_WHEN):
            yield f"{path} when is not known: {item}"
    codes = settings.get("exit_codes", [])
    if not all(map(_integer, codes if isinstance(codes, list) else [codes])):
        yield f"{path} exit codes should be an array of integers or an integer"


def _parallel(path: str, value: Any) -> Iterator[str]:
    if _integer(value):
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
        if not parts or not all(_scalar(item) for item in parts):
            yield f"{path}:matrix config should be an array of hashes of key value pairs"


def _environment(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        return
    if not isinstance(value, dict):
        yield f"{path} config should be a hash or a string"
        return
    yield from _unknown(path, value, keywords.ENVIRONMENT)
    if not isinstance(value.get("name"), str):
        yield f"{path} name can't be blank"
    if not one_of(value.get("action", "start"), keywords.ENVIRONMENT_ACTION):
        yield f"{path} action should be start, stop, prepare, verify, or access"


def _policy(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) or _texts(value):
        return
    if not isinstance(value, dict):
        yield f"{path} has to be either an array of conditions or a hash"
        return
    yield from _unknown(path, value, keywords.POLICY)
    for item in value.get("variables") or []:
        yield from _expression(f"{path} variables", item)


def _duration(path: str, value: Any) -> Iterator[str]:
    if not durations.seconds(value):
        yield f"{path} config should be a duration"


def _of(kinds: tuple[type, ...], words: str) -> Check:
    def check(path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, kinds):
            yield f"{path} config should be {words}"

    return check


def _list_of_texts(path: str, value: Any) -> Iterator[str]:
    if not _texts(value):
        yield f"{path} config should be an array of strings"


CHECKS: dict[str, Check] = {
    "after_script": _script,
    "allow_failure": _allow_failure,
    "artifacts": _artifacts,
    "before_script": _script,
    "cache": _of((dict, list), "a hash or an array of hashes"),
    "dependencies": _list_of_texts,
    "environment": _environment,
    "except": _policy,
    "id_tokens": _of((dict,), "a hash"),
    "image": _of((str, dict), "a hash or a string"),
    "inherit": _of((dict,), "a hash"),
    "interruptible": _of((bool,), "a boolean value"),
    "needs": _needs,
    "only": _policy,
    "parallel": _parallel,
    "resource_group": _of((str,), "a string"),
    "retry": _retry,
    "rules": check_rules,
    "script": _script,
    "services": _of((list,), "an array"),
    "stage": _of((str,), "a string"),
    "tags": _of((list, str), "an array of strings"),
    "timeout": _duration,
    "trigger": _of((str, dict), "a hash or a string"),
    "variables": check_variables,
    "when": _when,
}
