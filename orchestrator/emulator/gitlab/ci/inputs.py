"""`spec:inputs` and `$[[ inputs.name | function ]]` (GitLab docs: ci/inputs)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from orchestrator.emulator.gitlab.ci import patterns
from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.expansion import expand

_BLOCK = re.compile(r"\$\[\[\s*(?P<body>\S.*?)\s*\]\]", re.DOTALL)
_ACCESS = re.compile(r"inputs\.(?P<name>[\w.-]+)")
_TRUNCATE = re.compile(r"truncate\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_KEYS = frozenset({"default", "description", "options", "regex", "type", "rules"})
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}
_ARTICLE = {"string": "a", "number": "a", "boolean": "a", "array": "an"}
_MAX_FUNCTIONS = 3


def resolve(
    spec: Mapping[str, Any] | None, given: Mapping[str, Any], name: str, *, lenient: bool = False
) -> dict[str, Any] | None:
    """Return the value of every input, or None when the file has no `spec` header.

    `lenient` reads texts as JSON where the declared type is not `string`, because a form carries texts
    only. Raises `ConfigError` with every problem of every input.
    """
    if spec is None:
        if given:
            raise ConfigError(
                f"`{name}`: Given inputs not defined in the `spec` section of the included configuration file"
            )
        return None
    declared = spec.get("inputs") or {}
    if not isinstance(declared, dict):
        raise ConfigError(f"`{name}`: header:spec:inputs config should be a hash")
    problems: list[str] = []
    unknown = sorted(set(given) - set(declared))
    if unknown:
        problems.append(f"unknown input arguments: {', '.join(unknown)}")
    values: dict[str, Any] = {}
    for key, raw in declared.items():
        try:
            values[key] = _value(key, _definition(key, raw), given, lenient=lenient)
        except ConfigError as problem:
            problems += problem.problems
    if problems:
        raise ConfigError(*[f"`{name}`: {problem}" for problem in problems])
    return values


def _definition(key: str, raw: Any) -> dict[str, Any]:
    definition = {} if raw is None else raw
    if not isinstance(definition, dict):
        raise ConfigError(f"header:spec:inputs:{key} config should be a hash")
    unknown = sorted(set(definition) - _KEYS)
    if unknown:
        raise ConfigError(f"header:spec:inputs:{key} config contains unknown keys: {', '.join(unknown)}")
    if "rules" in definition:
        raise ConfigError(f"`{key}` input: `rules` are not available in the emulator")
    kind = definition.get("type", "string")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ConfigError(f"header:spec:inputs:{key} input type unknown value: {kind}")
    return definition


def _value(key: str, definition: dict[str, Any], given: Mapping[str, Any], *, lenient: bool) -> Any:
    kind = str(definition.get("type", "string"))
    if key in given:
        value = _from_text(given[key], kind) if lenient else given[key]
        _check(key, definition, kind, value, "provided")
    elif "default" in definition:
        value = definition["default"]
        value = "" if value is None and kind == "string" else value
        _check(key, definition, kind, value, "default")
    else:
        raise ConfigError(f"`{key}` input: required value has not been provided")
    return value


def _from_text(value: Any, kind: str) -> Any:
    if kind == "string" or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _check(key: str, definition: dict[str, Any], kind: str, value: Any, origin: str) -> None:
    fits = isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if not fits:
        raise ConfigError(f"`{key}` input: {origin} value is not {_ARTICLE[kind]} {kind}")
    options = definition.get("options")
    if options is not None and not isinstance(options, list):
        raise ConfigError(f"header:spec:inputs:{key} options should be an array")
    if options is not None and value not in options:
        raise ConfigError(f"`{key}` input: `{value}` cannot be used because it is not in the list of allowed options")
    if kind == "string" and (pattern := definition.get("regex")) is not None:
        _check_pattern(key, str(pattern), value, origin)


def _check_pattern(key: str, pattern: str, value: str, origin: str) -> None:
    try:
        fits = patterns.found(patterns.compiled(pattern), value)
    except patterns.BadPattern as problem:
        raise ConfigError(f"`{key}` input: the regular expression {problem}") from None
    if not fits:
        raise ConfigError(f"`{key}` input: {origin} value does not match required RegEx pattern")


def interpolate(text: str, values: Mapping[str, Any] | None, variables: Mapping[str, str], name: str) -> str:
    """Return the text with every block replaced; a file without a header is left as it is.

    Texts go in as they are, other values as JSON, which is YAML. Raises `ConfigError`.
    """
    if values is None:
        return text
    problems: list[str] = []

    def replace(match: re.Match[str]) -> str:
        try:
            return _written(_evaluate(match.group("body"), values, variables))
        except ConfigError as problem:
            problems.extend(problem.problems)
            return ""

    done = _BLOCK.sub(replace, text)
    if problems:
        raise ConfigError(*[f"`{name}`: {problem}" for problem in problems])
    return done


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _evaluate(body: str, values: Mapping[str, Any], variables: Mapping[str, str]) -> Any:
    access, *functions = (part.strip() for part in body.split("|"))
    match = _ACCESS.fullmatch(access)
    if not match:
        raise ConfigError(f"unknown interpolation provided: `{access}`")
    if match["name"] not in values:
        raise ConfigError(f"unknown interpolation key: `{match['name']}`")
    if len(functions) > _MAX_FUNCTIONS:
        raise ConfigError("too many functions in interpolation block.")
    value = values[match["name"]]
    for function in functions:
        value = _call(function, value, variables)
    return value


def _call(function: str, value: Any, variables: Mapping[str, str]) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"error in `{function.split('(')[0]}` function: Input type must be a string")
    if function == "expand_vars":
        return expand(value, variables, missing_is_kept=True)
    if function == "posix_escape":
        return re.sub(r"([^A-Za-z0-9_\-.,:+/@\n])", r"\\\1", value).replace("\n", "'\n'") or "''"
    if match := _TRUNCATE.fullmatch(function):
        start, length = int(match[1]), int(match[2])
        return value[start : start + length]
    raise ConfigError(
        f"no function matching `{function}`: check that the function name, arguments, and types are correct"
    )
