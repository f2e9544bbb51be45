"""From CI YAML text to data: the optional `spec:` header, `!reference` tags, GitLab's reading of scalars."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import yaml

from orchestrator.emulator.gitlab.ci.errors import ConfigError

_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_MAX_BYTES = 2 << 20
_MAX_VALUES = 200_000


@dataclass(frozen=True)
class Reference:
    """A `!reference [job, key, …]` that is resolved when everything is merged."""

    path: tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """`SafeLoader` that knows `!reference`, and leaves dates as they are written."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Read a mapping; keys are texts, because jobs and variables have names."""
        pairs = super().construct_mapping(node, deep)
        return {_key(key): value for key, value in pairs.items()}


def _key(key: Hashable) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


def _reference(loader: yaml.SafeLoader, node: yaml.Node) -> Reference:
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigError("`!reference` needs a list, for example `!reference [job, script]`")
    return Reference(tuple(str(item) for item in loader.construct_sequence(node, deep=True)))


def _as_written(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    return str(loader.construct_scalar(node)) if isinstance(node, yaml.ScalarNode) else ""


_Loader.add_constructor("!reference", _reference)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_written)


def parse(text: str, name: str) -> Any:
    """Return the data of one YAML document; raises `ConfigError` naming the file."""
    if len(text.encode("utf-8", "replace")) > _MAX_BYTES:
        raise ConfigError(f"The YAML of `{name}` is too big")
    try:
        loader = _Loader(text)
        try:
            data = loader.get_single_data()
        finally:
            loader.dispose()
        _weigh(data, {}, name)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as problem:
        raise ConfigError(f"`{name}`: Invalid configuration format: {_explain(problem)}") from None
    return data


def _weigh(data: Any, known: dict[int, int], name: str) -> int:
    """Return how many values there are with every alias written out; a file may not explode when it is read."""
    if not isinstance(data, dict | list):
        return 1
    if id(data) not in known:
        known[id(data)] = _MAX_VALUES + 1  # until it is known: a list that holds itself is endless
        items = data.values() if isinstance(data, dict) else data
        known[id(data)] = 1 + sum(_weigh(item, known, name) for item in items)
    if known[id(data)] > _MAX_VALUES:
        raise ConfigError(f"The YAML of `{name}` is too big")
    return known[id(data)]


def _explain(problem: Exception) -> str:
    mark = getattr(problem, "problem_mark", None)
    what = getattr(problem, "problem", None) or str(problem) or type(problem).__name__
    where = f" at line {mark.line + 1} column {mark.column + 1}" if mark is not None else ""
    return f"{what}{where}"


def split(text: str, name: str) -> tuple[dict[str, Any] | None, str]:
    """Return the `spec` mapping of the header (None without one) and the text of the content."""
    everything = _SEPARATOR.split(text)
    parts = [part for part in everything if _has_content(part)]
    if not parts:
        return None, ""
    if len(parts) == 1 and not re.search(r"^spec\s*:", parts[0], re.MULTILINE):
        return None, text if len(everything) <= 2 else parts[0]
    header = parse(parts[0], name)
    if not (isinstance(header, dict) and "spec" in header):
        if len(parts) > 1:
            raise ConfigError(f"`{name}`: a file with several documents must begin with a `spec` header")
        return None, text
    unknown = sorted(set(header) - {"spec"})
    if unknown or len(parts) > 2:
        problem = f"header config contains unknown keys: {', '.join(unknown)}" if unknown else "too many documents"
        raise ConfigError(f"`{name}`: {problem}")
    spec = header["spec"] if header["spec"] is not None else {}
    if not isinstance(spec, dict):
        raise ConfigError(f"`{name}`: header:spec config should be a hash")
    return spec, parts[1] if len(parts) > 1 else ""


def _has_content(part: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith(("#", "%")) for line in part.splitlines())


def load_mapping(text: str, name: str) -> dict[str, Any]:
    """Return the content of a configuration file, which must be a mapping (or nothing)."""
    data = parse(text, name)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"`{name}`: Invalid configuration format")
    return data
