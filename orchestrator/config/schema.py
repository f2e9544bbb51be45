"""The JSON Schema of `orchestrator.yml`, for editors and for our own messages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from orchestrator.config.model import Configuration
from orchestrator.config.problem import Path

DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTIFIER = "urn:orchestrator:configuration:1"
EXAMPLE = {
    "project": "lxml-function",
    "region": "eu-central-1",
    "packages": {"parser": {"architecture": "arm64"}},
}
# The keys without a default; pydantic counts those that CI variables fill in as required too.
_REQUIRED = {"Configuration": ["packages"], "Allow": ["rule", "reason"]}


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of the file as people write it."""
    raw = Configuration.model_json_schema(by_alias=True)
    definitions = {name: _tidy(value, name) for name, value in sorted(raw.pop("$defs").items())}
    body = _tidy(raw, "Configuration")
    return {
        "$schema": DIALECT,
        "$id": IDENTIFIER,
        "title": "orchestrator.yml",
        "description": "Packages for AWS Lambda that are built by CodeBuild.",
        "type": "object",
        "properties": body["properties"],
        "required": body["required"],
        "additionalProperties": False,
        "examples": [EXAMPLE],
        "$defs": {name: value for name, value in definitions.items() if "properties" in value},
    }


def _tidy(node: Any, name: str) -> Any:
    """Return a model's schema without noise: no titles, no `anyOf` for null, words where they are used."""
    tidied = _simplify(node)
    tidied.pop("required", None)
    if name in _REQUIRED:
        tidied["required"] = _REQUIRED[name]
    return tidied


def _simplify(node: Any, *, names: bool = False) -> Any:
    """`names` tells that the keys of this mapping are names of the file and no words of JSON Schema."""
    if isinstance(node, list):
        return [_simplify(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _simplify(value) for key, value in node.items()}
    result = {
        key: value if key in ("default", "examples") else _simplify(value, names=key == "properties")
        for key, value in node.items()
        if key != "title"
    }
    return _without_null(_with_words(result))


def _with_words(node: dict[str, Any]) -> dict[str, Any]:
    reference = str(node.get("$ref", "")).rpartition("/")[2]
    words = _words().get(reference)
    if words:
        node = {**node, "type": "string", "enum": words}
    if "const" in node:
        node = {**node, "enum": [node["const"]]}
    if "patternProperties" in node:
        node = {**node, "additionalProperties": False}
    dropped = ("const", "$ref") if words else ("const",)
    return {key: value for key, value in node.items() if key not in dropped}


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    branches = node.get("anyOf", [])
    if len(branches) != 2 or branches[1] != {"type": "null"}:
        return node
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    if "$ref" in branches[0]:
        # A block that is left out says the same as one that is null, and reads better in an editor.
        rest.pop("default", None)
        return {**branches[0], **rest}
    kinds = branches[0]["type"]
    return {**branches[0], "type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"], **rest}


@lru_cache(maxsize=1)
def _words() -> dict[str, list[str]]:
    definitions = Configuration.model_json_schema(by_alias=True)["$defs"]
    return {
        name: list(value.get("enum", [value.get("const")]))
        for name, value in definitions.items()
        if "enum" in value or "const" in value
    }


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return json_schema()


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Return what the node refers to, or the node itself."""
    if "$ref" not in node:
        return node
    found: dict[str, Any] = _schema()["$defs"][node["$ref"].rpartition("/")[2]]
    return found


def _node(path: Path) -> dict[str, Any]:
    node = _schema()
    for part in path:
        inner = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part)
        node = resolve(inner or _values(node))
    return node


def _values(node: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the values of a mapping with free keys; empty for any other."""
    anything: dict[str, Any] = node.get("additionalProperties") or next(
        iter(node.get("patternProperties", {}).values()), {}
    )
    return resolve(anything)


def allowed_at(path: Path) -> dict[str, Any]:
    """Return the schema of the value at the path, with `type` always a list; empty if there is none."""
    node = _node(path)
    kinds = node.get("type", [])
    return {**node, "type": kinds if isinstance(kinds, list) else [kinds]}


def keys_at(path: Path) -> list[str]:
    """Return the keys that the block at the path may have, in the order of the reference."""
    return list(_node(path).get("properties", {}))


def places_of(key: str) -> list[str]:
    """Return where in the file a key of this name is known, as `packages.<name>.runtime`."""
    return [place for place, _ in walk() if place.rpartition(".")[2] == key]


def walk(path: str = "", node: dict[str, Any] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every key of the file with its schema, blocks before what is in them."""
    node = _schema() if node is None else node
    for key, child in node.get("properties", {}).items():
        place = f"{path}.{key}" if path else key
        yield place, child
        inner = resolve(child)
        yield from walk(f"{place}.<name>", _values(inner))
        yield from walk(f"{place}[]", resolve(inner.get("items", {})))
        yield from walk(place, inner)
