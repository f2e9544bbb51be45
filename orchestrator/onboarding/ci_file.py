"""A `.gitlab-ci.yml` with our components: what it says already stays, to the character."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.errors import ConfigurationError
from orchestrator.onboarding.ci_include import Component, entries, include_edit, includes
from orchestrator.onboarding.ci_stages import OURS, stage_edits, theirs_of, with_deployment, with_ours
from orchestrator.onboarding.yaml_text import Block, UneditableError, applied, data_of, read_block

# Jobs of the components; a job of the same name in the file would be mixed with ours, key by key.
JOBS = ("prebuild", "build", "postbuild")
DEPLOYING = ("test", "deploy")


def with_component(
    text: str | None,
    component: Component,
    effective: Sequence[str] | None,
    path: str = ".gitlab-ci.yml",
    *,
    deploying: Component | None = None,
) -> str:
    """Return the file with component and stages, and with `deploying` beside it; unchanged if it has all of them.

    `effective` are the stages that it has through what it includes, None if none are known. Raises
    ConfigurationError where nothing can be put in without changing what is there.
    """
    before = text or ""
    added: list[Component] = []
    try:
        mark = "\ufeff" if before.startswith("\ufeff") else ""
        block = read_block(before.removeprefix("\ufeff"))
        old = data_of(block.text)
        new = [item for item in (component, deploying) if item and not includes(old.get("include"), item)]
        added = [_staged(item, block, effective) if item is deploying else item for item in new]
        complete = _all_stages if deploying in new else with_ours
        stages = stage_edits(block, effective, complete)
        include = [include_edit(block, added)] if added else []
        # Both may end up at the end of the file: what belongs to a list there goes before what begins another key.
        edits = include + stages if block.entry("include") else stages + include
        after = applied(block.text, edits)
        if edits:
            _check(old, data_of(after), added)
            after = after.lstrip("\r\n") if not block.text.strip() else after
    except UneditableError as error:
        raise ConfigurationError(
            f"`{path}` cannot be added to",
            detail=f"observed: {path}:{error.line}: {error.reason}\nexpected: a file whose `include:` and `stages:` "
            "are written in it as lists",
            hint="add these lines yourself, commit them, and run it again:\n\n"
            + _by_hand(added or [item for item in (component, deploying) if item]),
        ) from error
    return mark + after


def colliding_jobs(merged: Mapping[str, Any], jobs: Sequence[str] = JOBS) -> list[str]:
    """Return the jobs of a configuration that are called as ours are."""
    return [name for name in jobs if name in merged]


def _all_stages(theirs: Sequence[str]) -> list[str]:
    return with_deployment(with_ours(theirs))[0]


def _staged(deploying: Component, block: Block, effective: Sequence[str] | None) -> Component:
    """Return the component with the stages that its jobs have in this file, where they are not the usual ones."""
    _, chosen = with_deployment(with_ours(theirs_of(block, effective)))
    inputs = {f"{job}_stage": stage for job, stage in chosen.items() if stage != job}
    return replace(deploying, inputs={**deploying.inputs, **inputs})


def _check(old: Mapping[str, Any], new: Mapping[str, Any], added: Sequence[Component]) -> None:
    """Raise unless the new file means the old one and what was added to it, and nothing else."""
    wanted = dict(old)
    if added:
        wanted["include"] = [*entries(old.get("include")), *(item.as_data() for item in added)]
    known = old.get("stages")
    same = {key: value for key, value in new.items() if key != "stages"} == {
        key: value for key, value in wanted.items() if key != "stages"
    }
    theirs = known if isinstance(known, list) else None
    stages = new.get("stages", [])
    kept = theirs is None or [name for name in stages if name in theirs] == theirs
    if not (same and kept and (not stages or set(OURS) <= set(stages))):
        raise UneditableError("what would come out means something else")


def _by_hand(added: Sequence[Component]) -> str:
    lines = [f"stages: [{', '.join(with_ours(['test', 'deploy']))}]", "include:"]
    return "\n".join([*lines, *(f"  {line}" for item in added for line in item.lines())])
