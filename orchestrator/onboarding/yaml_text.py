"""Changes to a YAML file that somebody else has written: every character that is not changed stays as it is.

A file is never loaded and dumped again, which would lose comments, quotes, anchors and the order of people. Places
are found by a YAML parser, the text is cut there, and what came out is read again and compared with what was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml


class _AnyTag(yaml.SafeLoader):
    """Reads `!reference` and other tags as what they hold, and an anchor that is set twice as GitLab does."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)


class UneditableError(Exception):
    """Text into which nothing can be put safely; `line` (from 1) and `reason` say where and why."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(f"line {line}: {reason}")
        self.reason, self.line = reason, line


@dataclass(frozen=True)
class Edit:
    """Put `text` in the place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Block:
    """The last document of a file: what its keys mean where, None for a file without any."""

    text: str
    root: yaml.MappingNode | None

    @property
    def newline(self) -> str:
        """What ends the file's lines."""
        return "\r\n" if "\r\n" in self.text else "\n"

    @property
    def indent(self) -> str:
        """What stands before a key."""
        return " " * self.root.start_mark.column if self.root else ""

    def entry(self, key: str) -> tuple[yaml.Node, yaml.Node] | None:
        """Return the nodes of a key and its value, None if it is not there."""
        pairs = self.root.value if self.root else ()
        return next(((name, value) for name, value in pairs if name.value == key), None)

    def end(self) -> int:
        """Return where another key can be put."""
        return self.root.end_mark.index if self.root else len(self.text)

    def appended(self, lines: Iterable[str]) -> Edit:
        """Return the edit that puts lines behind the last key."""
        place = self.end()
        before = self.text[:place]
        gap = "" if not before or before.endswith(("\n", "\r")) else self.newline
        body = "".join(f"{self.indent if line else ''}{line}{self.newline}" for line in lines)
        return Edit(place, place, gap + body)

    def line_start(self, index: int) -> int:
        """Return where the line of a character begins."""
        return self.text.rfind("\n", 0, index) + 1

    def line_end(self, index: int) -> int:
        """Return where the next line begins."""
        found = self.text.find("\n", index)
        return len(self.text) if found < 0 else found + 1

    def content_end(self, start: int, end: int) -> int:
        """Return the end of a node's last line, without the comments and empty lines that follow it."""
        lines = self.text[start:end].splitlines(keepends=True)
        while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
            lines.pop()
        return self.line_end(max(start, start + sum(len(line) for line in lines) - 1))


def read_block(text: str) -> Block:
    """Return the last document of a file; raises `UneditableError`."""
    try:
        documents = list(yaml.compose_all(text, Loader=_AnyTag))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise UneditableError(str(getattr(error, "problem", None) or "this is no YAML"), line) from error
    except RecursionError as error:
        raise UneditableError("it is nested too deeply") from error
    root = documents[-1] if documents else None
    if isinstance(root, yaml.ScalarNode) and root.tag.endswith(":null"):
        root = None
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise UneditableError("expected a mapping", root.start_mark.line + 1)
    if root is not None and root.flow_style:
        raise UneditableError("a mapping in braces", root.start_mark.line + 1)
    return Block(text, root)


def applied(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with all edits, which must not overlap; of several at one place the first comes first."""
    for _, edit in sorted(enumerate(edits), key=lambda item: (item[1].start, item[0]), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def is_alias(key: yaml.Node, value: yaml.Node) -> bool:
    """Tell whether a value is written elsewhere (`*name`), so that it cannot be changed here."""
    return bool(value.start_mark.index < key.end_mark.index)


def is_marked(block: Block, value: yaml.Node) -> bool:
    """Tell whether a list or mapping has an anchor or a tag, behind which its lines cannot be found."""
    return not isinstance(value, yaml.ScalarNode) and block.text[value.start_mark.index] in "&!"


def _tagged(loader: _AnyTag, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [suffix, loader.construct_sequence(node, deep=True)]
    if isinstance(node, yaml.MappingNode):
        return [suffix, loader.construct_mapping(node, deep=True)]
    return [suffix, node.value]


_AnyTag.add_multi_constructor("", _tagged)


def data_of(text: str) -> Mapping[str, Any]:
    """Return what the last document of a file means; raises `UneditableError`."""
    try:
        documents = list(yaml.load_all(text, Loader=_AnyTag))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UneditableError(str(getattr(error, "problem", None) or "this is no YAML")) from error
    found = documents[-1] if documents else {}
    return found if isinstance(found, dict) else {}
