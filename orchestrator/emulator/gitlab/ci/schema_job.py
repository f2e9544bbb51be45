"""Checks of the single keywords of a job; each yields its problems, worded as GitLab does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.emulator.gitlab.ci import durations, keywords
from orchestrator.emulator.gitlab.ci.schema_rules import (
    check_allow_failure,
    check_needs,
    check_parallel,
    check_policy,
    check_rules,
    check_variables,
)
from orchestrator.emulator.gitlab.ci.shapes import are_texts, flatten, is_integer, one_of, unknown_keys

Check = Callable[[str, Any], Iterator[str]]


def _script(path: str, value: Any) -> Iterator[str]:
    flat = flatten(value)
    if flat is None or not all(isinstance(line, str) for line in flat) or not isinstance(value, str | list):
        yield f"{path} config should be a string or a nested array of strings up to 10 levels deep"
    elif path.endswith(":script") and not flat:
        yield f"{path} can't be blank"


def _inherit(path: str, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} config should be a hash"
        return
    yield from unknown_keys(path, value, frozenset({"default", "variables"}))
    for key in ("default", "variables"):
        if key in value and not isinstance(value[key], bool) and not are_texts(value[key]):
            yield f"{path}:{key} config should be a boolean or an array of strings"


def _when(path: str, value: Any) -> Iterator[str]:
    if not one_of(value, keywords.WHEN):
        yield f"{path.rsplit(':', 1)[0]} when should be one of: {', '.join(sorted(keywords.WHEN))}"


def _artifacts(path: str, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} config should be a hash"
        return
    yield from unknown_keys(path, value, keywords.ARTIFACTS)
    for key in ("paths", "exclude"):
        if value.get(key) is not None and not are_texts(value[key]):
            yield f"{path} {key} should be an array of strings"
    for key, kind, words in (("name", str, "a string"), ("untracked", bool, "a boolean value")):
        if value.get(key) is not None and not isinstance(value[key], kind):
            yield f"{path} {key} should be {words}"
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
    yield from unknown_keys(f"{path}:reports", reports, keywords.REPORTS)
    for key in ("dotenv", "junit"):
        if reports.get(key) is not None and not (isinstance(reports[key], str) or are_texts(reports[key])):
            yield f"{path}:reports {key} should be an array of strings or a string"


def _retry(path: str, value: Any) -> Iterator[str]:
    settings = {"max": value} if is_integer(value) else value
    if not isinstance(settings, dict):
        yield f"{path} config should be a hash or an integer"
        return
    yield from unknown_keys(path, settings, keywords.RETRY)
    times = settings.get("max", 0)
    if not is_integer(times) or not 0 <= times <= 2:
        yield f"{path} config must be less than or equal to 2"
    whens = settings.get("when", [])
    for item in whens if isinstance(whens, list) else [whens]:
        if not one_of(item, keywords.RETRY_WHEN):
            yield f"{path} when is not known: {item}"
    codes = settings.get("exit_codes", [])
    if not all(map(is_integer, codes if isinstance(codes, list) else [codes])):
        yield f"{path} exit codes should be an array of integers or an integer"


def _environment(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        return
    if not isinstance(value, dict):
        yield f"{path} config should be a hash or a string"
        return
    yield from unknown_keys(path, value, keywords.ENVIRONMENT)
    if not isinstance(value.get("name"), str):
        yield f"{path} name can't be blank"
    for key in ("url", "on_stop", "deployment_tier"):
        if not isinstance(value.get(key, ""), str):
            yield f"{path} {key} should be a string"
    if not one_of(value.get("action", "start"), keywords.ENVIRONMENT_ACTION):
        yield f"{path} action should be start, stop, prepare, verify, or access"


def _duration(path: str, value: Any) -> Iterator[str]:
    if not durations.seconds(value):
        yield f"{path} config should be a duration"


def _of(kinds: tuple[type, ...], words: str) -> Check:
    def check(path: str, value: Any) -> Iterator[str]:
        if not isinstance(value, kinds):
            yield f"{path} config should be {words}"

    return check


def _list_of_texts(path: str, value: Any) -> Iterator[str]:
    if not are_texts(value):
        yield f"{path} config should be an array of strings"


def _tags(path: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str) and not are_texts(value):
        yield f"{path} config should be an array of strings"


CHECKS: dict[str, Check] = {
    "after_script": _script,
    "allow_failure": check_allow_failure,
    "artifacts": _artifacts,
    "before_script": _script,
    "cache": _of((dict, list), "a hash or an array of hashes"),
    "dependencies": _list_of_texts,
    "environment": _environment,
    "except": check_policy,
    "id_tokens": _of((dict,), "a hash"),
    "image": _of((str, dict), "a hash or a string"),
    "inherit": _inherit,
    "interruptible": _of((bool,), "a boolean value"),
    "needs": check_needs,
    "only": check_policy,
    "parallel": check_parallel,
    "resource_group": _of((str,), "a string"),
    "retry": _retry,
    "rules": check_rules,
    "script": _script,
    "services": _of((list,), "an array"),
    "stage": _of((str,), "a string"),
    "tags": _tags,
    "timeout": _duration,
    "trigger": _of((str, dict), "a hash or a string"),
    "variables": check_variables,
    "when": _when,
}
