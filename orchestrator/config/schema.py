"""JSON Schemas of our files, for editors and for our own messages: made from the models, read by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from orchestrator.config.problem import Path

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Schema:
    """The schema of one kind of file.

    `required` names the keys without a default, by model: pydantic counts those that something else fills in as
    required too. `example` is a whole file as data.
    """

    model: type[BaseModel]
    name: str
    identifier: str
    description: str
    example: Mapping[str, Any]
    required: Mapping[str, list[str]] = field(default_factory=dict)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The schema (draft 2020-12) of the file as people write it."""
        raw = self.model.model_json_schema(by_alias=True)
        tidy = _Tidy(_words(raw.get("$defs", {})), self.required)
        definitions = {name: tidy.model(value, name) for name, value in sorted(raw.pop("$defs", {}).items())}
        body = tidy.model(raw, self.model.__name__)
        return {
            "$schema": DIALECT,
            "$id": self.identifier,
            "title": self.name,
            "description": self.description,
            "type": "object",
            "properties": body["properties"],
            "required": body["required"],
            "additionalProperties": False,
            "examples": [self.example],
            "$defs": {name: value for name, value in definitions.items() if "properties" in value},
        }

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """Return what the node refers to, or the node itself."""
        if "$ref" not in node:
            return node
        found: dict[str, Any] = self.document["$defs"][node["$ref"].rpartition("/")[2]]
        return found

    def allowed_at(self, path: Path) -> dict[str, Any]:
        """Return the schema of the value at the path, with `type` always a list; empty if there is none."""
        node = self._node(path)
        kinds = node.get("type", [])
        return {**node, "type": kinds if isinstance(kinds, list) else [kinds]}

    def keys_at(self, path: Path) -> list[str]:
        """Return the keys that the block at the path may have, in the order of the reference."""
        return list(self._node(path).get("properties", {}))

    def places_of(self, key: str) -> list[str]:
        """Return where in the file a key of this name is known, as `packages.<name>.runtime`."""
        return [place for place, _ in self.walk() if place.rpartition(".")[2] == key]

    def walk(self, path: str = "", node: dict[str, Any] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give every key of the file with its schema, blocks before what is in them."""
        node = self.document if node is None else node
        for key, child in node.get("properties", {}).items():
            place = f"{path}.{key}" if path else key
            yield place, child
            inner = self.resolve(child)
            yield from self.walk(f"{place}.<name>", self._values(inner))
            yield from self.walk(f"{place}[]", self.resolve(inner.get("items", {})))
            yield from self.walk(place, inner)

    def _node(self, path: Path) -> dict[str, Any]:
        node = self.document
        for part in path:
            inner = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part)
            node = self.resolve(inner or self._values(node))
        return node

    def _values(self, node: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the values of a mapping with free keys; empty for any other."""
        anything: dict[str, Any] = node.get("additionalProperties") or next(
            iter(node.get("patternProperties", {}).values()), {}
        )
        return self.resolve(anything)


@dataclass(frozen=True)
class _Tidy:
    """Takes the noise out of a model's schema: no titles, no `anyOf` for null, words where they are used."""

    words: Mapping[str, list[str]]
    required: Mapping[str, list[str]]

    def model(self, node: Any, name: str) -> Any:
        tidied = self._simplify(node)
        tidied.pop("required", None)
        if name in self.required:
            tidied["required"] = self.required[name]
        return tidied

    def _simplify(self, node: Any, *, names: bool = False) -> Any:
        """`names` tells that the keys of this mapping are names of the file and no words of JSON Schema."""
        if isinstance(node, list):
            return [self._simplify(item) for item in node]
        if not isinstance(node, dict):
            return node
        if names:
            return {key: self._simplify(value) for key, value in node.items()}
        result = {
            key: value if key in ("default", "examples") else self._simplify(value, names=key == "properties")
            for key, value in node.items()
            if key != "title"
        }
        return _without_null(self._with_words(result))

    def _with_words(self, node: dict[str, Any]) -> dict[str, Any]:
        reference = str(node.get("$ref", "")).rpartition("/")[2]
        words = self.words.get(reference)
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


def _words(definitions: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        name: list(value.get("enum", [value.get("const")]))
        for name, value in definitions.items()
        if "enum" in value or "const" in value
    }
