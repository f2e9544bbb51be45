"""Writes the reference pages of our files from the models: `python -m orchestrator.config.reference DIR`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from orchestrator.config.configuration_file import CONFIGURATION
from orchestrator.config.format import Format
from orchestrator.config.platform_file import PLATFORM
from orchestrator.config.schema import Schema

_HEAD = """\
# `{name}`

This page is generated from the models in `orchestrator/config`; change them, then run
`python -m orchestrator.config.reference docs/reference`.

A complete file:

```yaml
{example}```

Unknown keys, keys written twice and values of the wrong type are refused, all at once, with file and line.
For completion in an editor, put this line first (or write the output of `{command}` to a file):

```yaml
# yaml-language-server: $schema=docs/reference/{schema}
```

## Variables that fill in what is left out

| variable | fills in |
|---|---|
{variables}
## Keys
"""
_CONFIGURATION_VARIABLES = """\
| `CI_PROJECT_PATH_SLUG` | `project` (else the name of the directory) |
| `AWS_REGION`, `AWS_DEFAULT_REGION` | `region` |
| `CI_SERVER_URL`, `CI_PROJECT_ID` | `gitlab.url`, `gitlab.project` |
| `CI_PROJECT_URL` | `clone.url` (else `gitlab.url` and `gitlab.project`) |
| `GITLAB_CI` | `terraform.state: gitlab` |
"""
_PLATFORM_VARIABLES = """\
| `AWS_REGION`, `AWS_DEFAULT_REGION` | `region` |
"""


def pages() -> dict[str, str]:
    """Return the generated files: their names and their text."""
    return {
        "configuration.md": _reference(CONFIGURATION, "orchestrator schema", _CONFIGURATION_VARIABLES),
        "orchestrator.schema.json": _as_text(CONFIGURATION.schema),
        "platform.md": _reference(PLATFORM, "orchestrator platform schema", _PLATFORM_VARIABLES),
        "platform.schema.json": _as_text(PLATFORM.schema),
    }


def write(directory: Path) -> None:
    """Write the generated files into an existing directory."""
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8")


def _as_text(schema: Schema) -> str:
    return json.dumps(schema.document, indent=2, ensure_ascii=False) + "\n"


def _reference(kind: Format[Any], command: str, variables: str) -> str:
    name = kind.schema.name
    head = _HEAD.format(
        name=name,
        example=kind.example,
        command=command,
        schema=name.replace(".yml", ".schema.json"),
        variables=variables,
    )
    return head + "".join(_entry(kind.schema, path, node) for path, node in kind.schema.walk())


def _entry(schema: Schema, path: str, node: dict[str, Any]) -> str:
    target = schema.resolve(node)
    lines = [f"\n### `{path}`\n", node.get("description", target.get("description", "")), ""]
    facts = [f"- {label}: {text}" for label, text in _facts(node, target) if text]
    return "\n".join([*lines, *facts]) + ("\n" if facts else "")


def _facts(node: dict[str, Any], target: dict[str, Any]) -> list[tuple[str, str]]:
    words = ", ".join(f"`{_inline(word)}`" for word in node.get("enum", ()))
    limits = f"{node['minimum']} to {node['maximum']}" if {"minimum", "maximum"} <= node.keys() else ""
    examples = ", ".join(f"`{_inline(example)}`" for example in node.get("examples", ()))
    return [
        ("type", _type(target)),
        ("one of", words),
        ("range", limits),
        ("default", f"`{_inline(node['default'])}`" if "default" in node else ""),
        ("pattern", f"`{node['pattern']}`" if "pattern" in node else ""),
        ("examples", examples),
    ]


def _type(node: dict[str, Any]) -> str:
    kinds = node.get("type", "")
    names = {
        "object": "block",
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "null": "null",
        "array": "list",
    }
    return " or ".join(names[kind] for kind in (kinds if isinstance(kinds, list) else [kinds]))


def _inline(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
