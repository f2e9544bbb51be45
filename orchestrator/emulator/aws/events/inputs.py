"""What a target is sent: the event, a part of it, a constant, or a text made from it (AWS docs: eb-transform)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NOTHING = object()
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")


def payload(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Return the JSON text that `target`, as PutTargets was given it, receives for `event`."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_none(_at(event, target["InputPath"])))
    transformer = target.get("InputTransformer")
    if transformer:
        return _filled(transformer["InputTemplate"], transformer.get("InputPathsMap", {}), event)
    return json.dumps(event)


def _filled(template: str, paths: Mapping[str, str], event: Mapping[str, Any]) -> str:
    """Fill the template: inside of quotes a value is pasted as text, elsewhere as JSON."""
    values = {name: _none(_at(event, path)) for name, path in paths.items()}
    values["aws.events.event.json"] = event

    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        quoted = len(re.findall(r'(?<!\\)"', template[: match.start()])) % 2 == 1
        if not quoted:
            return json.dumps(value)
        return json.dumps(value if isinstance(value, str) else json.dumps(value))[1:-1]

    return _PLACEHOLDER.sub(fill, template)


def _at(event: Any, path: str) -> Any:
    """Return what stands at `$.detail.build-id` or `$.resources[0]`."""
    found = event
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if name:
            found = found.get(name, _NOTHING) if isinstance(found, Mapping) else _NOTHING
        else:
            found = found[int(index)] if isinstance(found, list) and int(index) < len(found) else _NOTHING
    return found


def _none(value: Any) -> Any:
    return None if value is _NOTHING else value
