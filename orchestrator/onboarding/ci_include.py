"""The `include:` of a `.gitlab-ci.yml`, in whatever form somebody has written it, with one entry more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from orchestrator.onboarding.yaml_text import Block, Edit, UneditableError, is_alias


@dataclass(frozen=True)
class Component:
    """A CI/CD component: its address with the version behind `@`, and the inputs that are not its defaults."""

    address: str
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The address without host and version, which a file may spell in several ways."""
        return _name(self.address)

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


def includes(value: Any, component: Component) -> bool:
    """Tell whether `include:` has the component, in any version."""
    return any(isinstance(item, dict) and _name(str(item.get("component", ""))) == component.name
               for item in entries(value))  # fmt: skip


def include_edit(block: Block, component: Component) -> Edit:
    """Return the edit that adds the component; raises `UneditableError`."""
    found = block.entry("include")
    if found is None:
        return block.appended(["", "include:", *(f"  {line}" for line in component.lines())])
    key, value = found
    if is_alias(key, value):
        raise UneditableError("`include:` is an alias, and what it stands for is used elsewhere", _line(key))
    if isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null"):
        below = _below(block, component, f"{block.indent}  ").rstrip("\r\n")
        return Edit(key.end_mark.index, value.end_mark.index, f":{below}")
    if isinstance(value, yaml.SequenceNode):
        return _in_flow(value, component) if value.flow_style else _in_list(block, value, component)
    return _made_a_list(block, value, component)


def _in_list(block: Block, value: yaml.SequenceNode, component: Component) -> Edit:
    last = value.value[-1]
    indent = " " * value.start_mark.column
    inside = value.start_mark.index <= last.start_mark.index
    place = block.content_end(last.start_mark.index, last.end_mark.index) if inside else value.end_mark.index
    gap = "" if block.text[:place].endswith("\n") else block.newline
    text = "".join(f"{indent}{line}{block.newline}" for line in component.lines())
    return Edit(place, place, gap + text)


def _in_flow(value: yaml.SequenceNode, component: Component) -> Edit:
    place = value.value[-1].end_mark.index if value.value else value.start_mark.index + 1
    if value.value and not value.start_mark.index < place < value.end_mark.index:
        raise UneditableError("`include:` ends with an alias", _line(value))
    return Edit(place, place, f", {component.flow()}" if value.value else component.flow())


def _made_a_list(block: Block, value: yaml.Node, component: Component) -> Edit:
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
        return Edit(before, rest, text + tail + _below(block, component, indent))
    end = block.content_end(start, end)
    column = value.start_mark.column
    lines = block.text[block.line_start(start) : end].splitlines(keepends=True)
    indent = " " * column
    moved = [f"{indent}- {lines[0][column:]}", *(f"  {line}" if line.strip() else line for line in lines[1:])]
    text = "".join(moved)
    gap = "" if text.endswith("\n") else block.newline
    added = "".join(f"{indent}{line}{block.newline}" for line in component.lines())
    return Edit(block.line_start(start), end, text + gap + added)


def _below(block: Block, component: Component, indent: str) -> str:
    return block.newline + "".join(f"{indent}{line}{block.newline}" for line in component.lines())


def _name(address: str) -> str:
    """Return `group/project/component` of `host/group/project/component@version`."""
    return address.partition("@")[0].partition("/")[2].lower()


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(text: str) -> str:
    plain = all(char.isalnum() or char in "$_./@-" for char in text) and not text[:1].isdigit() and text != "."
    return text if plain and text[:1] not in "@-" else json.dumps(text, ensure_ascii=False)
