"""What the platform offers, put into an `orchestrator.yml` that says nothing of its own about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from orchestrator.discovery.compose import scalar
from orchestrator.errors import ConfigurationError
from orchestrator.onboarding.yaml_text import Block, Edit, UneditableError, applied, data_of, is_alias, read_block
from orchestrator.platform_outputs import PlatformOutputs, ProjectAccess


def platform_settings(outputs: PlatformOutputs, access: ProjectAccess) -> dict[str, Any]:
    """Return the settings of a project that the platform knows, as `orchestrator.yml` has them."""
    return {
        "artifacts": {"bucket": outputs.bucket, "prefix": access.artifact_prefix, "key_arn": outputs.key_arn},
        "terraform": {"state": "s3", "bucket": outputs.state_bucket},
        "permissions_boundary": access.permissions_boundary_arn,
        **({"functions_boundary": access.functions_boundary_arn} if access.functions_boundary_arn else {}),
    }


def with_settings(text: str, settings: Mapping[str, Any], path: str) -> str:
    """Return the file with the settings that it lacks.

    A block that names a bucket, or that says it is managed or local, is its author's and stays. Raises
    ConfigurationError where a block is written in a way that cannot be added to.
    """
    try:
        block = read_block(text)
        old = data_of(text)
        edits = [edit for key, value in settings.items() for edit in _edits(block, key, value, old.get(key))]
        after = applied(text, edits)
        _check(old, data_of(after), settings)
    except UneditableError as error:
        raise ConfigurationError(
            f"`{path}` cannot be added to",
            detail=f"observed: {path}:{error.line}: {error.reason}",
            hint="write `artifacts:` and `terraform:` as blocks, one key a line",
        ) from error
    return after


def _check(old: Mapping[str, Any], new: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise unless every other key means what it did."""
    if {**new, **dict.fromkeys(settings)} != {**old, **dict.fromkeys(settings)}:
        raise UneditableError("what would come out means something else")


def _edits(block: Block, key: str, value: Any, known: Any) -> list[Edit]:
    if not isinstance(value, Mapping):
        return [] if known is not None else [block.appended([f"{key}: {scalar(value)}"])]
    if block.entry(key) is None:
        lines = [f"{key}:", *(f"  {name}: {scalar(item)}" for name, item in value.items())]
        return [block.appended(lines)]
    if known is not None and (not isinstance(known, dict) or {"bucket", "managed", "state", "prefix"} & set(known)):
        return []
    return [_inside(block, key, value, known or {})]


def _inside(block: Block, key: str, value: Mapping[str, str], known: Mapping[str, Any]) -> Edit:
    found = block.entry(key)
    assert found is not None  # noqa: S101 - the caller has looked
    name, node = found
    lines = [f"{item}: {scalar(text)}" for item, text in value.items() if item not in known]
    if not isinstance(node, yaml.MappingNode):
        indent = block.newline + block.indent + "  "
        return Edit(name.end_mark.index, node.end_mark.index, ":" + "".join(f"{indent}{line}" for line in lines))
    if is_alias(name, node):
        raise UneditableError(f"`{key}:` is an alias", int(name.start_mark.line) + 1)
    if node.flow_style:
        place = node.end_mark.index - 1
        return Edit(place, place, (", " if node.value else "") + ", ".join(lines))
    place = block.content_end(node.start_mark.index, node.end_mark.index)
    gap = "" if block.text[:place].endswith("\n") else block.newline
    indent = " " * node.start_mark.column
    return Edit(place, place, gap + "".join(f"{indent}{line}{block.newline}" for line in lines))
