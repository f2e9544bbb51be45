"""Check requests against, and cut answers to, the shapes of botocore's CodeBuild model."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.emulator.aws.codebuild.faults import InvalidInput, Serialization

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape

_PYTHON_TYPES: dict[str, Any] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
}


@functools.cache
def service_model() -> ServiceModel:
    """Return botocore's model of CodeBuild (loaded once, about 50 ms)."""
    import botocore.loaders
    from botocore.model import ServiceModel

    description = botocore.loaders.Loader().load_service_model("codebuild", "service-2")
    return ServiceModel(description, service_name="codebuild")


def operation(name: str) -> OperationModel | None:
    """Return the model of operation `name`, or None when CodeBuild has no such operation."""
    model = service_model()
    return model.operation_model(name) if name in model.operation_names else None


def check_request(shape: Shape | None, request: Any) -> None:
    """Raise InvalidInput with every violated constraint, or Serialization for a wrong type.

    Unknown members are let through, as the real service does.
    """
    violations: list[str] = []
    if shape is not None:
        _check(shape, request, "", violations)
    if violations:
        count = len(violations)
        noun = "error" if count == 1 else "errors"
        raise InvalidInput(f"{count} validation {noun} detected: " + "; ".join(violations))


def cut(shape: Any, value: Any) -> Any:
    """Return `value` with only the members that `shape` has, and without the absent ones (None)."""
    if shape.type_name == "structure":
        members = shape.members
        return {key: cut(members[key], item) for key, item in value.items() if key in members and item is not None}
    if shape.type_name == "list":
        return [cut(shape.member, item) for item in value]
    return value


def _check(shape: Any, value: Any, path: str, violations: list[str]) -> None:
    expected = _PYTHON_TYPES.get(shape.type_name, object)
    if not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean"):
        raise Serialization(f"{path or 'request'} is not of type {shape.type_name}")
    if shape.type_name == "structure":
        _check_members(shape, value, path, violations)
    elif shape.type_name == "list":
        _check_length(shape, len(value), path, value, violations)
        for index, item in enumerate(value, start=1):
            _check(shape.member, item, f"{path}.{index}.member", violations)
    elif shape.type_name == "string":
        _check_string(shape, value, path, violations)
    elif shape.type_name in ("integer", "long"):
        _check_range(shape, value, path, violations)


def _check_members(shape: Any, value: Mapping[str, Any], path: str, violations: list[str]) -> None:
    for name in shape.required_members:
        if value.get(name) is None:
            violations.append(_violation(None, _join(path, name), "Member must not be null"))
    for name, member in shape.members.items():
        if value.get(name) is not None:
            _check(member, value[name], _join(path, name), violations)


def _check_string(shape: Shape, value: str, path: str, violations: list[str]) -> None:
    _check_length(shape, len(value), path, value, violations)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        text = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        violations.append(_violation(value, path, text))
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        violations.append(_violation(value, path, f"Member must satisfy regular expression pattern: {pattern}"))


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of the model: it is written for Java, whose classes of letters `re` lacks."""
    for foreign, own in ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s")):
        pattern = pattern.replace(foreign, own)
    return re.compile(pattern)


def _check_length(shape: Shape, length: int, path: str, value: Any, violations: list[str]) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and length < low:
        violations.append(_violation(value, path, f"Member must have length greater than or equal to {low}"))
    if high is not None and length > high:
        violations.append(_violation(value, path, f"Member must have length less than or equal to {high}"))


def _check_range(shape: Shape, value: int, path: str, violations: list[str]) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        violations.append(_violation(value, path, f"Member must have value greater than or equal to {low}"))
    if high is not None and value > high:
        violations.append(_violation(value, path, f"Member must have value less than or equal to {high}"))


def _violation(value: Any, path: str, constraint: str) -> str:
    shown = "at" if value is None else f"'{value}' at"
    return f"Value {shown} '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
