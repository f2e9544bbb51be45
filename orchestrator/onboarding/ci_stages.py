"""The `stages:` of a `.gitlab-ci.yml`: theirs in their order, with ours between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import yaml

from orchestrator.onboarding.yaml_text import Block, Edit, UneditableError, is_alias, is_marked

OURS = ("prebuild", "build", "postbuild")
# What a configuration without `stages:` has (GitLab docs: ci/yaml, `stages`).
_DEFAULT = ("build", "test", "deploy")
# What our stages and jobs are called where a file has one of the name that means something else.
PREFIX = "codebuild-"


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


def with_deployment(stages: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return stages that have ours with those of the deployment, and which stage the jobs `test` and `deploy` have.

    A stage of theirs with the right name is used where it comes late enough: a job cannot need one of a later stage.
    """
    result, chosen = list(stages), dict[str, str]()
    place = result.index(OURS[-1])
    for name in ("test", "deploy"):
        stage = name if name not in result or result.index(name) > place else f"{PREFIX}{name}"
        if stage not in result:
            last = "deploy" in result[place + 1 :] and name == "test"
            result.insert(result.index("deploy") if last else len(result), stage)
        chosen[name], place = stage, result.index(stage)
    return result, chosen


def theirs_of(block: Block, effective: Sequence[str] | None) -> Sequence[str]:
    """Return the stages that a file has, by itself or through what it includes; raises `UneditableError`."""
    found = block.entry("stages")
    names = _names(found[1]) if found else []
    if found and names is None:
        raise UneditableError("`stages:` is no list of names", int(found[0].start_mark.line) + 1)
    return names or (_DEFAULT if effective is None else effective)


def stage_edits(
    block: Block, effective: Sequence[str] | None, complete: Callable[[Sequence[str]], list[str]] = with_ours
) -> list[Edit]:
    """Return the edits that add our stages; `complete` says which there shall be, given theirs.

    `effective` are the stages that the files which this one includes give it, None for none. They are written down
    with ours, because a `stages:` of this file replaces theirs. Raises `UneditableError`.
    """
    theirs, found = theirs_of(block, effective), block.entry("stages")
    everything = complete(theirs)
    if found is None:
        return [] if list(effective or ()) == everything else [_new(block, everything)]
    key, value = found
    if list(_names(value) or ()) == everything:
        return []
    if is_alias(key, value) or not _names(value) or not isinstance(value, yaml.SequenceNode):
        return [_replaced(block, key, value, everything)]
    if is_marked(block, value) and not value.flow_style:
        raise UneditableError("`stages:` has an anchor or a tag", int(key.start_mark.line) + 1)
    if any(not value.start_mark.index <= item.start_mark.index < value.end_mark.index for item in value.value):
        raise UneditableError("`stages:` has an alias in it", int(key.start_mark.line) + 1)
    return [_inserted(block, value, place, new) for place, new in _grouped(theirs, everything)]


def _new(block: Block, names: Sequence[str]) -> Edit:
    return block.appended(["", "stages:", *(f"  - {name}" for name in names)])


def _names(value: yaml.Node) -> list[str] | None:
    if isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null"):
        return []
    listed: Any = value.value if isinstance(value, yaml.SequenceNode) else None
    scalars = listed is not None and all(isinstance(item, yaml.ScalarNode) for item in listed)
    return [str(item.value) for item in listed] if scalars else None


def _grouped(names: Sequence[str], everything: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Return what comes before which of their stages; the number of their stages stands for the end."""
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
