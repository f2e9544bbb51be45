"""YAML nodes to plain data, with the origin of each value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml

from orchestrator.config.composing import MAXIMUM_DEPTH, UnreadableError, compose
from orchestrator.config.document import Document, Odd, Origin
from orchestrator.config.problem import Path, Problem, dotted, printable

MAXIMUM_VALUES = 50_000

_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_TAG = "tag:yaml.org,2002:"


def read(text: str, empty: str) -> Document:
    """Return the document in `text`; raises UnreadableError when it is not one bounded YAML mapping.

    `empty` says what is expected of an empty file.
    """
    root = compose(text, empty)
    reader = _Reader()
    data = reader.value(root, (), Origin(root.start_mark.line + 1, ()))
    reader.document.data = data if isinstance(data, dict) else {}
    return reader.document


class _Reader:
    """Turns nodes into data; what aliases multiply counts each time it is used."""

    def __init__(self) -> None:
        self.document = Document()
        self.active: list[yaml.Node] = []
        self.values = 0

    def value(self, node: yaml.Node, path: Path, origin: Origin) -> Any:
        """Return the data of the node and note the origin of it and of everything in it."""
        self._count(node, path)
        if isinstance(node, yaml.ScalarNode):
            self.document.origins[path] = replace(origin, text=node.value, plain=node.style is None)
            return self._scalar(node, path, origin)
        self.document.origins[path] = origin
        self.active.append(node)
        try:
            return self._collection(node, path, origin)
        finally:
            self.active.pop()

    def _collection(self, node: yaml.Node, path: Path, origin: Origin) -> Any:
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            return self._unknown_tag(node, origin)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.value(item, (*path, index), Origin(item.start_mark.line + 1, (*path, index)))
                for index, item in enumerate(node.value)
            ]
        data: dict[str, Any] = {}
        for key, name, item in self._entries(node, path):
            data[name] = self.value(item, (*path, name), Origin(key.start_mark.line + 1, (*path, name)))
        return data

    def _entries(self, node: yaml.Node, path: Path) -> Iterator[tuple[yaml.Node, str, yaml.Node]]:
        """Give the entries of a mapping: its own, then those of `<<` that it does not have itself."""
        seen: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key, item in node.value:
            if key.tag == f"{_TAG}merge":
                merged.extend(item.value if isinstance(item, yaml.SequenceNode) else [item])
                continue
            self._count(item, path)
            name = self._key(key, path)
            if name is None:
                continue
            if name in seen:
                self._problem(key, (*path, name), f"written twice, first in line {seen[name]}")
                continue
            seen[name] = key.start_mark.line + 1
            yield key, name, item
        for source in merged:
            for key, name, item in self._merged(source, path):
                if name not in seen:
                    seen[name] = key.start_mark.line + 1
                    yield key, name, item

    def _merged(self, source: yaml.Node, path: Path) -> Iterator[tuple[yaml.Node, str, yaml.Node]]:
        self._count(source, path)
        if not isinstance(source, yaml.MappingNode):
            self._problem(source, path, "expected a block after `<<:`, found something else")
            return
        self.active.append(source)
        try:
            yield from self._entries(source, path)
        finally:
            self.active.pop()

    def _count(self, node: yaml.Node, path: Path) -> None:
        """Stop before aliases make a small file large ("billion laughs") or endless."""
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.values += 1
        if self.values > MAXIMUM_VALUES or len(path) > MAXIMUM_DEPTH:
            raise UnreadableError(line, column, f"aliases (`*name`) repeat more than {MAXIMUM_VALUES} values")
        if any(node is outer for outer in self.active):
            raise UnreadableError(line, column, "an alias (`*name`) is used inside its own anchor (`&name`)")

    def _key(self, key: yaml.Node, path: Path) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self._problem(key, path, "expected a word before the colon, found a block")
        elif key.tag != f"{_TAG}str":
            word = printable(key.value)
            self._problem(key, path, f"YAML does not read the key `{word}` as text; put it in quotes")
        elif _unstorable(key.value):
            self._problem(key, path, "a key holds an invisible control character or half a character")
        else:
            return str(key.value)
        return None

    def _scalar(self, node: yaml.ScalarNode, path: Path, origin: Origin) -> Any:
        tag, text = node.tag.removeprefix(_TAG), node.value
        if tag in ("str", "value", "merge"):
            if _unstorable(text):
                self._problem(node, path, "an invisible control character or half a character")
            return text
        if tag == "null":
            return None
        if tag == "bool":
            return yaml.SafeLoader.bool_values.get(text.lower(), Odd("something"))
        if tag == "int":
            return int(text) if _DECIMAL.fullmatch(text) else Odd(_number_kind(text))
        if tag == "float":
            return Odd("the number", text)
        if tag == "timestamp":
            return Odd("the date", text)
        return self._unknown_tag(node, origin)

    def _unknown_tag(self, node: yaml.Node, origin: Origin) -> Odd:
        tag = printable(node.tag.replace(_TAG, "!!"))
        self.document.problems.append(
            Problem(origin.line, node.start_mark.column + 1, "", f"the tag `{tag}` has no meaning here")
        )
        return Odd("a tagged value")

    def _problem(self, node: yaml.Node, path: Path, text: str) -> None:
        mark = node.start_mark
        self.document.problems.append(Problem(mark.line + 1, 0, dotted(path), text))


def _number_kind(text: str) -> str:
    digits = text.lstrip("+-")
    if re.fullmatch(r"0[0-7_]+", digits):
        return "the octal number"
    if digits.startswith(("0x", "0b")):
        return "the hexadecimal or binary number"
    if ":" in digits:
        return "the number with base 60"
    return "the number"


def _unstorable(text: str) -> bool:
    return any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
