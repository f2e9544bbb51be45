"""Read YAML as nodes with line numbers, keeping every scalar as it was written.

CodeBuild reads scalars into strings: `3.10` stays `3.10` and `yes` stays `yes`. Line numbers and wording
of syntax errors are libyaml's, which the real service shows as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlFileError(Exception):
    """The buildspec cannot be used (`YAML_FILE_ERROR`); the text is the message of the phase context."""


def read(text: str) -> yaml.Node | None:
    """Return the root node of the first document of `text`, or None if it is empty.

    Raises YamlFileError for a syntax error.
    """
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        raise YamlFileError(_wording(error)) from error
    except yaml.YAMLError as error:
        raise YamlFileError(str(error).splitlines()[0]) from error
    finally:
        loader.dispose()
    return node


def line(node: yaml.Node) -> int:
    """Return the line, counted from 1, at which `node` starts."""
    return int(node.start_mark.line) + 1


def is_null(node: yaml.Node | None) -> bool:
    """Return whether nothing was written there (`key:` or `- # comment`)."""
    return node is None or (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null")


def text(node: yaml.Node | None, what: str) -> str:
    """Return the scalar as written, the empty string for null; `what` names it in the error."""
    if node is None or is_null(node):
        return ""
    if not isinstance(node, yaml.ScalarNode):
        raise YamlFileError(
            f"Expected {what} to be of string type: found subkeys instead at line {line(node)}, "
            f"value of the key tag on line {line(node) - 1} might be empty"
        )
    return str(node.value)


def mapping(node: yaml.Node | None, what: str) -> dict[str, yaml.Node]:
    """Return the entries of a mapping (the last of equal keys wins, `<<` is merged), {} for null."""
    if node is None or is_null(node):
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise YamlFileError(f"Expected {what} to be of map type at line {line(node)}")
    return dict(_entries(node, what))


def items(node: yaml.Node | None, what: str) -> list[yaml.Node]:
    """Return the items of a list, [] for null."""
    if node is None or is_null(node):
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise YamlFileError(f"Expected {what} to be of list type at line {line(node)}")
    return list(node.value)


def _entries(node: yaml.MappingNode, what: str) -> Iterator[tuple[str, yaml.Node]]:
    own: list[tuple[str, yaml.Node]] = []
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(merged):
                yield from mapping(source, what).items()
        else:
            own.append((text(key, f"key of {what}"), value))
    yield from own


def _wording(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f" at line {mark.line + 1}" if mark is not None else ""
    return f"{error.problem or error.context}{place}"
