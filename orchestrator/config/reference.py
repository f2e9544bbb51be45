"""Writes the reference pages of `orchestrator.yml` from the models: `python -m orchestrator.config.reference DIR`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from orchestrator.config.load import EXAMPLE
from orchestrator.config.schema import json_schema, resolve, walk

_HEAD = f"""\
# `orchestrator.yml`

This page is generated from the models in `orchestrator/config`; change them, then run
`python -m orchestrator.config.reference docs/reference`.

A complete file:

```yaml
{EXAMPLE}```

Unknown keys, keys written twice and values of the wrong type are refused, all at once, with file and line.
For completion in an editor, put this line first (or write the output of `orchestrator schema` to a file):

```yaml
# yaml-language-server: $schema=docs/reference/orchestrator.schema.json
```

## Variables that fill in what is left out

| variable | fills in |
|---|---|
| `CI_PROJECT_PATH_SLUG` | `project` (else the name of the directory) |
| `AWS_REGION`, `AWS_DEFAULT_REGION` | `region` |
| `CI_SERVER_URL`, `CI_PROJECT_ID` | `gitlab.url`, `gitlab.project` |
| `CI_PROJECT_URL` | `clone.url` (else `gitlab.url` and `gitlab.project`) |
| `GITLAB_CI` | `terraform.state: gitlab` |

## Keys
"""


def pages() -> dict[str, str]:
    """Return the generated files: their names and their text."""
    return {
        "configuration.md": _reference(),
        "orchestrator.schema.json": json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
    }


def write(directory: Path) -> None:
    """Write the generated files into an existing directory."""
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8")


def _reference() -> str:
    return _HEAD + "".join(_entry(path, node) for path, node in walk())


def _entry(path: str, node: dict[str, Any]) -> str:
    target = resolve(node)
    lines = [f"\n### `{path}`\n", node.get("description", target.get("description", "")), ""]
    facts = [f"- {label}: {text}" for label, text in _facts(node, target) if text]
    return "\n".join([*lines, *facts]) + ("\n" if facts else "")


def _facts(node: dict[str, Any], target: dict[str, Any]) -> list[tuple[str, str]]:
    words = ", ".join(f"`{word}`" for word in node.get("enum", ()))
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
        "boolean": "true or false",
        "null": "null",
        "array": "list",
    }
    return " or ".join(names[kind] for kind in (kinds if isinstance(kinds, list) else [kinds]))


def _inline(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
