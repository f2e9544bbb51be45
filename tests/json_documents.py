"""What `--json` has printed, held against the schema that promises it."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema

from orchestrator.cli.documents import schemas


def conforming(command: str, text: str) -> dict[str, Any]:
    """Return the document that a command has printed, which must be what its schema says and no more."""
    document = json.loads(text)
    jsonschema.Draft202012Validator(
        strict(schemas()[command]), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(document)
    assert isinstance(document, dict)
    return document


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with every object closed: what is printed and not described is told by nobody."""
    closed = copy.deepcopy(schema)
    _close(closed)
    return closed


def _close(part: dict[str, Any]) -> None:
    if "properties" in part:
        part.setdefault("additionalProperties", False)
    for member in (*part.get("properties", {}).values(), part.get("items"), part.get("additionalProperties")):
        if isinstance(member, dict):
            _close(member)
