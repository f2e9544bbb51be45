"""Text to YAML nodes, within bounds of size, depth and number."""

from __future__ import annotations

from typing import Any

import yaml

from orchestrator.config.problem import Problem, printable

MAXIMUM_BYTES = 1024 * 1024
MAXIMUM_DEPTH = 40
MAXIMUM_NODES = 20_000

_PLAIN_WORDS = {
    "could not find expected ':'": "this line is neither `key: value` nor a part of the one before",
    "mapping values are not allowed here": "a second `: ` is on this line or the indentation is wrong; "
    "put text that holds `: ` in quotes",
    "but found another document": "only one document is allowed; remove the second `---`",
    "found unknown escape character": "an unknown escape; in single quotes a backslash stays a backslash",
    "found undefined alias": "an alias (`*name`) without its anchor (`&name`) before it",
    "found duplicate anchor": "the same anchor (`&name`) is written twice",
    "expected <block end>": "the indentation does not fit the lines before",
    "found unexpected end of stream": "the file ends inside quotes",
    "expected ',' or '}'": "a `{` is not closed, or a comma is missing",
    "expected ',' or ']'": "a `[` is not closed, or a comma is missing",
    "found unexpected ':'": "`:` inside `{}` or `[]` needs a space after it or quotes around the text",
    "expected the node content": "a value is missing here",
    "found character": "this character cannot begin a value; put the text in quotes",
    "expected alphabetic or numeric character": "`*`, `&` or `!` begins something else in YAML; use quotes",
}


class UnreadableError(Exception):
    """The text is not one YAML mapping; `problem` says where and why."""

    def __init__(self, line: int, column: int, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(line, column, "", text)


class _Loader(yaml.SafeLoader):
    """Composes nodes, and stops before the file can cost more memory or stack than it is worth."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        self.nodes += 1
        mark = self.get_mark()
        if self.depth > MAXIMUM_DEPTH:
            raise UnreadableError(mark.line + 1, mark.column + 1, f"nested deeper than {MAXIMUM_DEPTH} levels")
        if self.nodes > MAXIMUM_NODES:
            raise UnreadableError(mark.line + 1, mark.column + 1, f"more than {MAXIMUM_NODES} values")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def compose(text: str, empty: str) -> yaml.MappingNode:
    """Return the mapping that the text is; raises UnreadableError when it is anything else.

    `empty` says what is expected of an empty file.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAXIMUM_BYTES:
        raise UnreadableError(1, 1, f"the file is larger than {MAXIMUM_BYTES} bytes")
    root = _root(text)
    if root is None:
        raise UnreadableError(1, 1, f"the file is empty, {empty}")
    if not isinstance(root, yaml.MappingNode):
        kind = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
        line, column = root.start_mark.line + 1, root.start_mark.column + 1
        raise UnreadableError(line, column, f"expected `key: value` lines at the top level, found {kind}")
    return root


def _root(text: str) -> yaml.Node | None:
    try:
        # Checks the characters of the whole text, so it is a part of what may fail.
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line, column = _place(text, error.position)
        raise UnreadableError(line, column, "an invisible control character or half a character") from error
    try:
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or loader.get_mark()
        raise UnreadableError(mark.line + 1, mark.column + 1, _plainly(error.problem or "not YAML")) from error
    except (ValueError, OverflowError) as error:
        # PyYAML hands the number of an escape (`"\UFFFFFFFF"`) or a `%YAML` line to Python unchecked.
        mark = loader.get_mark()
        raise UnreadableError(mark.line + 1, mark.column + 1, "an escape that is no character") from error
    finally:
        loader.dispose()
    return node


def _place(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def _plainly(problem: str) -> str:
    if "'\\t'" in problem:
        return "a tab is used where YAML allows only spaces"
    plain = next((words for start, words in _PLAIN_WORDS.items() if problem.startswith(start)), None)
    return plain or f"this is not YAML: {printable(problem)}"
