"""How `$NAME` and `${NAME}` in values are replaced (GitLab docs: ci/variables/where_variables_can_be_used)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from orchestrator.emulator.gitlab.ci.errors import ConfigError

_MAX_DEPTH = 200
_MAX_LENGTH = 1 << 20
_USE = re.compile(r"\$\$|\$\{(?P<braced>[A-Za-z_]\w*)\}|\$(?P<bare>[A-Za-z_]\w*)", re.ASCII)


def expand(text: str, variables: Mapping[str, str], *, missing_is_kept: bool) -> str:
    """Return the text with its variables replaced, once: what a value brings in is not looked at again.

    `$$` stands for a single `$`; while a configuration is still being evaluated (`missing_is_kept`) it
    stays as it is, and so do unknown names, which otherwise become empty.
    """

    def replace(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if not name:
            return "$$" if missing_is_kept else "$"
        if name in variables:
            return variables[name]
        return match[0] if missing_is_kept else ""

    return _USE.sub(replace, text)


def names_in(text: str) -> list[str]:
    """Return the names of the variables that a text uses."""
    return [name for match in _USE.finditer(text) if (name := match["braced"] or match["bare"])]


def expand_all(values: Mapping[str, str], raw: Iterable[str] = (), *, missing_is_kept: bool = True) -> dict[str, str]:
    """Return all variables with their references to each other replaced, whatever their order.

    Names in `raw` are taken as they are, also inside of others. A use that closes a circle counts as
    unknown. With `missing_is_kept` false the values are as a job gets them: unknown names are empty, and
    `$$` is a single `$`. Raises `ConfigError` when values grow absurd.
    """
    untouched = set(raw)
    done: dict[str, str] = {}
    open_names: set[str] = set()

    def visit(name: str) -> str | None:
        if name in done or name not in values or name in open_names or len(open_names) > _MAX_DEPTH:
            return done.get(name)
        open_names.add(name)
        text = values[name]
        if name not in untouched:
            known = {use: value for use in names_in(text) if (value := visit(use)) is not None}
            text = expand(text, known, missing_is_kept=missing_is_kept)
        if len(text) > _MAX_LENGTH:
            raise ConfigError(f"variable `{name}` expands to more than {_MAX_LENGTH} characters")
        open_names.discard(name)
        done[name] = text
        return text

    for name in values:
        visit(name)
    return {name: done[name] for name in values}
