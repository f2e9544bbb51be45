"""What `--json` promises: the JSON Schema of each document, and the page that describes them.

A schema is a file in `schemas/`. Its key `x-commands` names the commands that print the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = "json.md"
_FOLDER = Path(__file__).parent / "schemas"
_HEAD = """\
# What `--json` prints

This page is generated from the schemas in `orchestrator/cli/schemas`; change them, then run
`python -m orchestrator.cli.reference docs/reference`.

Every command that prints data has `--json`. Then standard output holds exactly one JSON object, and nothing else;
what a person reads on the way goes to standard error. `orchestrator schema COMMAND` prints the JSON Schema of the
object.

- `schema_version` says which version of its schema a document is of. Within a version members keep their names and
  meanings, and none goes; others may come, so ignore what you do not know.
- Names are `snake_case`. What is not known is `null`, and its member is there.
- A moment is ISO 8601 in UTC, `2026-01-31T12:00:00Z`. A duration is a number of seconds, and its name ends in
  `_seconds` or is `seconds`; settings that are written in minutes, hours or days end in that. A size ends in `_bytes`.
- The exit code is the same as without `--json`. If a command fails before it has anything to say, standard output is
  empty and the reason is on standard error.
- Secrets are replaced by `[redacted]`, as everywhere. Text of others, such as names of branches, stands in it as it is,
  escaped by JSON: whoever shows it at a terminal must clean it.

Some documents have a format of their own: `orchestrator schema` and `orchestrator platform schema` print JSON Schemas,
and `orchestrator platform apply` without `--json` prints what is published as one flat object.
"""


def all_schemas() -> list[dict[str, Any]]:
    """Return every schema, in the order of their files."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))]


def schemas() -> Mapping[str, dict[str, Any]]:
    """Return the schema of each command that has `--json`, by the words of the command without `orchestrator`."""
    return {command: schema for schema in all_schemas() for command in schema["x-commands"]}


def page() -> str:
    """Return the text of the page: the rules, then each document with its members."""
    return _HEAD + "".join(_section(schema) for schema in all_schemas())


def members(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Give path, type and meaning of everything in an object, also in objects and lists of objects below it."""
    for name, member in schema.get("properties", {}).items():
        if name == "schema_version":
            continue
        optional = "" if name in schema["required"] else ", may be missing"
        yield f"{prefix}{name}", _kind(member) + optional, _meaning(member)
        yield from members(member, f"{prefix}{name}.")
        items = member.get("items")
        if isinstance(items, dict):
            yield from members(items, f"{prefix}{name}[].")


def _section(schema: Mapping[str, Any]) -> str:
    commands = ", ".join(f"`orchestrator {command} --json`" for command in schema["x-commands"])
    version = schema["properties"]["schema_version"]["const"]
    rows = "".join(f"| `{name}` | {kind} | {text} |\n" for name, kind, text in members(schema))
    head = f"\n## {schema['title']}\n\n{commands}; version {version}.\n"
    return f"{head}\n| member | type | meaning |\n|---|---|---|\n{rows}"


def _kind(member: Mapping[str, Any]) -> str:
    kinds = member["type"] if isinstance(member["type"], list) else [member["type"]]
    return " or ".join(kinds)


def _meaning(member: Mapping[str, Any]) -> str:
    words = ", ".join(f"`{word}`" for word in member.get("enum", ()))
    text = str(member["description"]).replace("|", "\\|")
    return f"{text} One of {words}." if words else text
