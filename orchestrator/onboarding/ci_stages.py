"""The `stages:` of a `.gitlab-ci.yml`: theirs in their order, with ours between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from orchestrator.onboarding.yaml_text import Block, Edit, UneditableError, is_alias

OURS = ("prebuild", "build", "postbuild")
# What a configuration without `stages:` has (GitLab docs: ci/yaml, `stages`).
_DEFAULT = ("build", "test", "deploy")


def with_ours(theirs: Sequence[str]) -> list[str]:
    """Return all stages. Ours come first, or around their own `build`, so that their jobs can use the package."""
    result = list(theirs)
    for place, name in _insertions(theirs):
        result.insert(place, name)
    return result


def _insertions(theirs: Sequence[str]) -> list[tuple[int, str]]:
    """Return what to insert where, in this order, into a list that grows."""
    result, found = list(theirs), list[tuple[int, str]]()
    place = next((result.index(name) for name in OURS if name in result), 0)
    for name in OURS:
        if name in result:
            place = result.index(name)
        else:
            result.insert(place, name)
            found.append((place, name))
        place += 1
    return found


def stage_edits(block: Block, effective: Sequence[str] | None) -> list[Edit]:
    """Return the edits that add our stages.

    `effective` are the stages that the files which this one includes give it, None for none. They are written down
    with ours, because a `stages:` of this file replaces theirs. Raises `UneditableError`.
    """
    found = block.entry("stages")
    if found is None:
        listed = with_ours(_DEFAULT if effective is None else effective)
        return [] if list(effective or ()) == listed else [_new(block, listed)]
    key, value = found
    names = _names(value)
    if names is None:
        raise UneditableError("`stages:` is no list of names", int(key.start_mark.line) + 1)
    if all(name in names for name in OURS):
        return []
    if is_alias(key, value) or not names or not isinstance(value, yaml.SequenceNode):
        theirs = names or (_DEFAULT if effective is None else effective)
        return [_replaced(block, key, value, with_ours(theirs))]
    if any(not value.start_mark.index <= item.start_mark.index < value.end_mark.index for item in value.value):
        raise UneditableError("`stages:` has an alias in it", int(key.start_mark.line) + 1)
    return [_inserted(block, value, place, new) for place, new in _grouped(names)]


def _new(block: Block, names: Sequence[str]) -> Edit:
    return block.appended(["", "stages:", *(f"  - {name}" for name in names)])


def _names(value: yaml.Node) -> list[str] | None:
    if isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null"):
        return []
    listed: Any = value.value if isinstance(value, yaml.SequenceNode) else None
    scalars = listed is not None and all(isinstance(item, yaml.ScalarNode) for item in listed)
    return [str(item.value) for item in listed] if scalars else None


def _grouped(names: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Return what comes before which of their stages; the number of their stages stands for the end."""
    everything = with_ours(names)
    grouped: dict[int, list[str]] = {}
    for position, name in enumerate(everything):
        if name not in names:
            before = sum(1 for other in everything[:position] if other in names)
            grouped.setdefault(before, []).append(name)
    return list(grouped.items())


def _inserted(block: Block, value: yaml.SequenceNode, place: int, new: list[str]) -> Edit:
    at_end = place == len(value.value)
    item = value.value[-1 if at_end else place]
    if value.flow_style:
        where = item.end_mark.index if at_end else item.start_mark.index
        return Edit(where, where, "".join(f", {name}" if at_end else f"{name}, " for name in new))
    indent = " " * value.start_mark.column
    where = block.line_end(item.end_mark.index - 1) if at_end else block.line_start(item.start_mark.index)
    gap = block.newline if at_end and not block.text[:where].endswith("\n") else ""
    if not at_end and place == 0 and where < value.start_mark.index - value.start_mark.column:
        raise UneditableError("`stages:` begins beside its key", int(value.start_mark.line) + 1)
    return Edit(where, where, gap + "".join(f"{indent}- {name}{block.newline}" for name in new))


def _replaced(block: Block, key: yaml.Node, value: yaml.Node, names: Sequence[str]) -> Edit:
    """Write the list out where an alias, or nothing, stood."""
    start = key.end_mark.index
    end = block.line_end(start)
    if not is_alias(key, value):
        end = max(value.end_mark.index, start)
        return Edit(start, end, f": [{', '.join(names)}]")
    line = block.text[start:end]
    comment = line.find(" #")
    rest = line[comment:] if comment >= 0 else block.newline if line.endswith("\n") else ""
    return Edit(start, end, f": [{', '.join(names)}]{rest}")
