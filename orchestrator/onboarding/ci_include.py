"""The `include:` of a `.gitlab-ci.yml`, in whatever form somebody has written it, with one entry more, or two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from orchestrator.onboarding.yaml_text import Block, Edit, UneditableError, is_alias, is_marked


@dataclass(frozen=True)
class Component:
    """A CI/CD component: its address with the version behind `@`, and the inputs that are not its defaults."""

    address: str
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The address without host and version, which a file may spell in several ways."""
        return _name(self.address)

    def sibling(self, name: str, inputs: Mapping[str, str]) -> Component:
        """Return another component of the same project, in the same version."""
        address, at, version = self.address.partition("@")
        return Component(f"{address.rpartition('/')[0]}/{name}{at}{version}", inputs)

    def lines(self) -> Iterator[str]:
        """Yield the entry of a list, without indentation."""
        yield f"- component: {_scalar(self.address)}"
        if self.inputs:
            yield "  inputs:"
            yield from (f"    {key}: {_scalar(value)}" for key, value in self.inputs.items())

    def flow(self) -> str:
        """Return the entry on one line."""
        inputs = ", ".join(f"{key}: {json.dumps(value)}" for key, value in self.inputs.items())
        return f"{{component: {json.dumps(self.address)}" + (f", inputs: {{{inputs}}}}}" if inputs else "}")

    def as_data(self) -> dict[str, Any]:
        """Return what the entry means."""
        return {"component": self.address, **({"inputs": dict(self.inputs)} if self.inputs else {})}


def entries(value: Any) -> list[Any]:
    """Return the entries of `include:` as a list, which may also be one text or one mapping."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def included(value: Any, component: Component) -> Component | None:
    """Return the component as `include:` has it, in any version; None if it is not there."""
    for item in entries(value):
        if isinstance(item, dict) and _name(str(item.get("component", ""))) == component.name:
            inputs = item.get("inputs")
            return Component(str(item["component"]), inputs if isinstance(inputs, dict) else {})
    return None


def includes(value: Any, component: Component) -> bool:
    """Tell whether `include:` has the component, in any version."""
    return included(value, component) is not None


def include_edit(block: Block, added: Sequence[Component]) -> Edit:
    """Return the edit that adds components; raises `UneditableError`."""
    found = block.entry("include")
    if found is None:
        return block.appended(["", "include:", *(f"  {line}" for line in _lines(added))])
    key, value = found
    if is_alias(key, value):
        raise UneditableError("`include:` is an alias, and what it stands for is used elsewhere", _line(key))
    if is_marked(block, value):
        raise UneditableError("`include:` has an anchor or a tag", _line(key))
    if isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null"):
        below = _below(block, added, f"{block.indent}  ").rstrip("\r\n")
        return Edit(key.end_mark.index, value.end_mark.index, f":{below}")
    if isinstance(value, yaml.SequenceNode):
        return _in_flow(value, added) if value.flow_style else _in_list(block, value, added)
    return _made_a_list(block, value, added)


def _lines(added: Sequence[Component]) -> list[str]:
    return [line for component in added for line in component.lines()]


def _in_list(block: Block, value: yaml.SequenceNode, added: Sequence[Component]) -> Edit:
    last = value.value[-1]
    indent = " " * value.start_mark.column
    inside = value.start_mark.index <= last.start_mark.index
    place = block.content_end(last.start_mark.index, last.end_mark.index) if inside else value.end_mark.index
    gap = "" if block.text[:place].endswith("\n") else block.newline
    text = "".join(f"{indent}{line}{block.newline}" for line in _lines(added))
    return Edit(place, place, gap + text)


def _in_flow(value: yaml.SequenceNode, added: Sequence[Component]) -> Edit:
    place = value.value[-1].end_mark.index if value.value else value.start_mark.index + 1
    if value.value and not value.start_mark.index < place < value.end_mark.index:
        raise UneditableError("`include:` ends with an alias", _line(value))
    text = ", ".join(component.flow() for component in added)
    return Edit(place, place, f", {text}" if value.value else text)


def _made_a_list(block: Block, value: yaml.Node, added: Sequence[Component]) -> Edit:
    """Turn the one entry into the first of a list: its lines keep their text and get two columns more."""
    start = value.start_mark.index
    end = value.end_mark.index
    flow = isinstance(value, yaml.ScalarNode) or (isinstance(value, yaml.MappingNode) and bool(value.flow_style))
    if isinstance(value, yaml.ScalarNode) and value.style in ("|", ">"):
        raise UneditableError("`include:` is a block of text", _line(value))
    if flow:
        indent = block.indent + "  "
        text = f"{block.newline}{indent}- {block.text[start:end]}"
        before = start - len(block.text[:start]) + len(block.text[:start].rstrip(" \t"))
        rest = block.line_end(end)
        tail = block.text[end:rest].rstrip("\r\n")
        return Edit(before, rest, text + tail + _below(block, added, indent))
    end = block.content_end(start, end)
    column = value.start_mark.column
    lines = block.text[block.line_start(start) : end].splitlines(keepends=True)
    indent = " " * column
    moved = [f"{indent}- {lines[0][column:]}", *(f"  {line}" if line.strip() else line for line in lines[1:])]
    text = "".join(moved)
    gap = "" if text.endswith("\n") else block.newline
    below = "".join(f"{indent}{line}{block.newline}" for line in _lines(added))
    return Edit(block.line_start(start), end, text + gap + below)


def _below(block: Block, added: Sequence[Component], indent: str) -> str:
    return block.newline + "".join(f"{indent}{line}{block.newline}" for line in _lines(added))


def _name(address: str) -> str:
    """Return `group/project/component` of `host/group/project/component@version`."""
    return address.partition("@")[0].partition("/")[2].lower()


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(text: str) -> str:
    plain = all(char.isalnum() or char in "$_./@-" for char in text) and not text[:1].isdigit() and text != "."
    return text if plain and text[:1] not in "@-" else json.dumps(text, ensure_ascii=False)
