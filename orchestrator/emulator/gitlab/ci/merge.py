"""How configurations become one: deep merge, `extends`, and `!reference`."""

from __future__ import annotations

from typing import Any

from orchestrator.emulator.gitlab.ci.document import Reference
from orchestrator.emulator.gitlab.ci.errors import ConfigError

Mapping = dict[str, Any]

_MAX_REFERENCES = 10
_MAX_EXTENDS = 11


def deep_merge(under: Mapping, over: Mapping) -> Mapping:
    """Return both mappings in one: mappings are merged key by key, anything else of `over` replaces."""
    merged = dict(under)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = deep_merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def extend_all(config: Mapping) -> Mapping:
    """Return the configuration with every `extends` carried out; raises `ConfigError`."""
    done: Mapping = {}
    return {name: _extended(name, config, (), done) for name in config}


def _extended(name: str, config: Mapping, path: tuple[str, ...], done: Mapping) -> Any:
    if name in done:
        return done[name]
    entry = config[name]
    if not isinstance(entry, dict) or "extends" not in entry:
        return entry
    if name in path:
        raise ConfigError(f"`{path[0]}`: circular dependency detected in `extends`")
    if len(path) >= _MAX_EXTENDS:
        raise ConfigError(f"`{path[0]}`: nesting too deep in `extends`")
    merged: Mapping = {}
    for parent in _parents(name, entry["extends"], config):
        merged = deep_merge(merged, _extended(parent, config, (*path, name), done))
    own = {key: value for key, value in entry.items() if key != "extends"}
    done[name] = deep_merge({key: value for key, value in merged.items() if key != "extends"}, own)
    return done[name]


def _parents(name: str, extends: Any, config: Mapping) -> list[str]:
    names = [extends] if isinstance(extends, str) else extends
    if not isinstance(names, list) or not names or not all(isinstance(item, str) for item in names):
        raise ConfigError(f"jobs:{name}:extends should be an array of strings or a string")
    unknown = [item for item in names if item not in config]
    if unknown:
        raise ConfigError(f"`{name}`: unknown keys in `extends` ({', '.join(f'`{item}`' for item in unknown)})")
    wrong = [item for item in names if not isinstance(config[item], dict)]
    if wrong:
        raise ConfigError(f"`{name}`: invalid base hashes in `extends` ({', '.join(f'`{item}`' for item in wrong)})")
    return names


def resolve_references(config: Mapping) -> Mapping:
    """Return the configuration with every `!reference` replaced by what it names; raises `ConfigError`."""
    resolved = _resolve(config, config, ())
    return resolved if isinstance(resolved, dict) else {}


def _resolve(value: Any, root: Mapping, path: tuple[tuple[str, ...], ...]) -> Any:
    if isinstance(value, Reference):
        return _look_up(value, root, path)
    if isinstance(value, dict):
        return {key: _resolve(item, root, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, root, path) for item in value]
    return value


def _look_up(reference: Reference, root: Mapping, path: tuple[tuple[str, ...], ...]) -> Any:
    written = f"!reference {list(reference.path)}".replace("'", '"')
    if reference.path in path:
        raise ConfigError(f"{written} is part of a circular chain")
    if len(path) >= _MAX_REFERENCES:
        raise ConfigError(f"{written} is nested too deep")
    found: Any = root
    for key in reference.path:
        if isinstance(found, Reference):
            found = _look_up(found, root, (*path, reference.path))
        if not isinstance(found, dict) or key not in found:
            raise ConfigError(f"{written} could not be found")
        found = found[key]
    return _resolve(found, root, (*path, reference.path))
