"""When a job, a file or a whole pipeline takes part: `rules`, `workflow:rules`, `only`/`except`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.emulator.gitlab.ci import globs, patterns
from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.expansion import expand
from orchestrator.emulator.gitlab.ci.expression import holds, pattern_of


@dataclass(frozen=True)
class Context:
    """What rules look at.

    `changed` returns the paths a push changed, relative to another ref if one is given; None when there is
    no push to compare with, and then `changes` is true. `files` returns the paths at the commit, or those
    of another project and ref.
    """

    ref: str
    tag: bool
    source: str
    project: str
    variables: Mapping[str, str]
    changed: Callable[[str | None], list[str] | None] = lambda _: None
    files: Callable[[str | None, str | None], list[str]] = lambda *_: []
    masked: frozenset[str] = field(default_factory=frozenset)

    @property
    def plain_variables(self) -> dict[str, str]:
        """Return the variables without masked ones, which must not end up in a configuration."""
        return {name: value for name, value in self.variables.items() if name not in self.masked}

    def having(self, variables: Mapping[str, str]) -> Context:
        """Return the same context with other variables."""
        return replace(self, variables=variables)


def first_match(rules: list[Any], context: Context) -> dict[str, Any] | None:
    """Return the first rule that applies, None when none does; raises `ConfigError` on a broken expression."""
    for rule in rules:
        if _applies(rule, context):
            return dict(rule)
    return None


def _applies(rule: Mapping[str, Any], context: Context) -> bool:
    if "if" in rule and not holds(str(rule["if"]), context.variables):
        return False
    if "changes" in rule and not _changes(rule["changes"], context):
        return False
    return "exists" not in rule or _exists(rule["exists"], context)


def _patterns(paths: Any, context: Context) -> list[str]:
    items = paths if isinstance(paths, list) else [paths]
    return [expand(str(item), context.variables, missing_is_kept=True) for item in items]


def _changes(changes: Any, context: Context) -> bool:
    paths, base = changes, None
    if isinstance(changes, dict):
        paths, base = changes.get("paths", []), changes.get("compare_to")
    if base is not None:
        base = expand(str(base), context.variables, missing_is_kept=True)
    changed = context.changed(base)
    if changed is None:
        return True
    return any(globs.matches_rule(pattern, changed) for pattern in _patterns(paths, context))


def _exists(exists: Any, context: Context) -> bool:
    paths, project, ref = exists, None, None
    if isinstance(exists, dict):
        paths, project, ref = exists.get("paths", []), exists.get("project"), exists.get("ref")
    expanded = [expand(str(item), context.variables, missing_is_kept=True) if item else None for item in (project, ref)]
    files = context.files(*expanded)
    return any(globs.matches_rule(pattern, files) for pattern in _patterns(paths, context))


def include_allowed(rules: Any, context: Context) -> bool:
    """Tell whether an `include:rules` lets the file in."""
    if rules is None:
        return True
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise ConfigError("include:rules config should be an array of hashes")
    rule = first_match(rules, context)
    return rule is not None and rule.get("when") != "never"


_SOURCES = {
    "api": "api",
    "external": "external",
    "merge_requests": "merge_request_event",
    "pipelines": "pipeline",
    "pushes": "push",
    "schedules": "schedule",
    "triggers": "trigger",
    "web": "web",
    "chat": "chat",
}


def only_except(only: Any, excepted: Any, context: Context) -> bool:
    """Tell whether a job without `rules` takes part; without `only` it does on branches and tags."""
    wanted = _policy({"refs": ["branches", "tags"]} if only is None else only)
    wanted.setdefault("refs", ["branches", "tags"])
    if not all(_policy_part(key, value, context) for key, value in wanted.items()):
        return False
    if excepted is None:
        return True
    return not any(_policy_part(key, value, context) for key, value in _policy(excepted).items())


def _policy(policy: Any) -> dict[str, Any]:
    if isinstance(policy, dict):
        return {key: value for key, value in policy.items() if value is not None}
    return {"refs": policy if isinstance(policy, list) else [policy]}


def _policy_part(key: str, value: Any, context: Context) -> bool:
    items = value if isinstance(value, list) else [value]
    if key == "refs":
        return any(_ref_matches(str(item), context) for item in items)
    if key == "variables":
        return any(holds(str(item), context.variables) for item in items)
    if key == "changes":
        return _changes(items, context)
    return False  # `kubernetes: active`: there is never a cluster


def _ref_matches(pattern: str, context: Context) -> bool:
    wanted, at, project = pattern.partition("@")
    if at and project != context.project:
        return False
    if wanted == "branches":
        return not context.tag
    if wanted == "tags":
        return context.tag
    if wanted in _SOURCES:
        return context.source == _SOURCES[wanted]
    try:
        expression = pattern_of(wanted)
        return patterns.found(expression, context.ref) if expression else wanted == context.ref
    except patterns.BadPattern as problem:
        raise ConfigError(f"only/except: the regular expression `{wanted}` {problem}") from None
