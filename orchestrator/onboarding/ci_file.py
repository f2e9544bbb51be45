"""A `.gitlab-ci.yml` with our component: what it says already stays, to the character."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.errors import ConfigurationError
from orchestrator.onboarding.ci_include import Component, entries, include_edit, includes
from orchestrator.onboarding.ci_stages import OURS, stage_edits, with_ours
from orchestrator.onboarding.yaml_text import UneditableError, applied, data_of, read_block

# Jobs of the component; a job of the same name in the file would be mixed with ours, key by key.
JOBS = ("prebuild", "build", "postbuild")


def with_component(
    text: str | None, component: Component, effective: Sequence[str] | None, path: str = ".gitlab-ci.yml"
) -> str:
    """Return the file with component and stages; unchanged if it has both.

    `effective` are the stages that it has through what it includes, None if none are known. Raises
    ConfigurationError where nothing can be put in without changing what is there.
    """
    before = text or ""
    try:
        mark = "\ufeff" if before.startswith("\ufeff") else ""
        block = read_block(before.removeprefix("\ufeff"))
        old = data_of(block.text)
        stages = stage_edits(block, effective)
        added = [] if includes(old.get("include"), component) else [include_edit(block, component)]
        # Both may end up at the end of the file: what belongs to a list there goes before what begins another key.
        edits = added + stages if block.entry("include") else stages + added
        after = applied(block.text, edits)
        if edits:
            _check(old, data_of(after), component)
            after = after.lstrip("\r\n") if not block.text.strip() else after
    except UneditableError as error:
        raise ConfigurationError(
            f"`{path}` cannot be added to",
            detail=f"observed: {path}:{error.line}: {error.reason}\nexpected: a file whose `include:` and `stages:` "
            "are written in it as lists",
            hint=f"add these lines yourself, commit them, and run it again:\n\n{_by_hand(component)}",
        ) from error
    return mark + after


def colliding_jobs(merged: Mapping[str, Any]) -> list[str]:
    """Return the jobs of a configuration that are called as ours are."""
    return [name for name in JOBS if name in merged]


def _check(old: Mapping[str, Any], new: Mapping[str, Any], component: Component) -> None:
    """Raise unless the new file means the old one and what was added to it, and nothing else."""
    wanted = dict(old)
    if not includes(old.get("include"), component):
        wanted["include"] = [*entries(old.get("include")), component.as_data()]
    known = old.get("stages")
    same = {key: value for key, value in new.items() if key != "stages"} == {
        key: value for key, value in wanted.items() if key != "stages"
    }
    theirs = known if isinstance(known, list) else None
    stages = new.get("stages", [])
    kept = theirs is None or [name for name in stages if name in theirs] == theirs
    if not (same and kept and (not stages or set(OURS) <= set(stages))):
        raise UneditableError("what would come out means something else")


def _by_hand(component: Component) -> str:
    lines = [f"stages: [{', '.join(with_ours(['test', 'deploy']))}]", "include:"]
    return "\n".join([*lines, *(f"  {line}" for line in component.lines())])
