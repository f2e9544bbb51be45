"""What to do about a finding: known libraries as a table, and a way out for every rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from orchestrator.packaging.inspection.distributions import Distribution
from orchestrator.packaging.inspection.model import Rule
from orchestrator.packaging.runtimes import Target, Version

_LEGACY = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_GENERAL = {
    Rule.MACHINE: "have it built or downloaded for the target: set `architecture:` and build the package again",
    Rule.FORMAT: "have it built or downloaded for Linux, or leave it out with `exclude:`",
    Rule.ABI: "take a wheel for this runtime, or compile it",
    Rule.NAME: "make the zip again with plain names",
    Rule.DUPLICATE: "make the zip again; which of them wins is chance",
    Rule.LINK: "make the zip again with the file itself (`zip` without `--symlinks`)",
    Rule.MODE: "set the mode before zipping: `chmod -R u+rwX,go+rX`, and `chmod 755` for programs",
    Rule.SIZE: "leave out what the function does not use, or use a container image",
    Rule.CONTENT: "make or download the zip again",
    Rule.PLACEHOLDER: "ask for a version that has the code; a resolver that finds no wheel for its target ends there",
    Rule.BYTECODE: "leave `__pycache__` out, or build the package with `bytecode: true`",
}


class LibraryAdvice(NamedTuple):
    """How to get a missing library; `optional` tells that the distribution does without it."""

    text: str
    optional: bool = False


def library_advice(library: str, distribution: Distribution | None, beside: list[str]) -> LibraryAdvice:
    """Say how to get a missing library; `beside` are files of the package that have its name."""
    who = distribution.name if distribution else ""
    if beside:
        return LibraryAdvice(f"move `{beside[0]}` to `lib/`, or give whoever needs it a RUNPATH with $ORIGIN")
    for row in _known_libraries():
        if re.fullmatch(row["library"], library) and row.get("needed_by", who) == who:
            text = f"{who or 'the application'} needs {library}: {row['advice']}"
            return LibraryAdvice(text, row.get("optional", False))
    return LibraryAdvice(
        f"bundle {library}: compile {who or 'what needs it'} from source with `system_packages:`, add the library to "
        "`lib/`, or `allow:` it with a reason"
    )


def version_advice(name: str, distribution: Distribution | None, target: Target) -> str:
    """Say how to get rid of a version that the runtime does not have."""
    glibc = target.runtime.glibc
    if not name.startswith("GLIBC_"):
        return f"compile it on {target.runtime.system}, or bundle the newer library with a RUNPATH"
    advice = f"take a version with a wheel for manylinux_{'_'.join(map(str, glibc))} or older, or compile it on "
    promised = promised_glibc(distribution.tags) if distribution else None
    if promised is not None and promised <= glibc:
        shown = ".".join(map(str, promised))
        return (
            f"the tag of its wheel promises glibc {shown} and its content breaks that: {advice}{target.runtime.system}"
        )
    return f"{advice}{target.runtime.system}"


def promised_glibc(tags: Iterable[str]) -> Version | None:
    """Return the oldest glibc that the tags of a wheel promise to need (PEP 600 and its forerunners), or None."""
    platforms = ".".join(tag.rpartition("-")[2] for tag in tags)
    promises = [(int(major), int(minor)) for major, minor in re.findall(r"manylinux_([0-9]+)_([0-9]+)_", platforms)]
    promises += [version for word, version in _LEGACY.items() if f"{word}_" in platforms]
    return min(promises, default=None)


def general_advice(rule: Rule) -> str:
    """Say what to do about a broken rule if there is nothing better to say."""
    return _GENERAL.get(rule, "`allow:` it with a reason")


@cache
def _known_libraries() -> list[dict[str, Any]]:
    """Return the rows of `advice.json`, of which the first that fits counts.

    A row has a pattern of sonames, who needs it (anybody, if absent), what to do, and whether that one can do without.
    """
    import json
    import pkgutil

    content = pkgutil.get_data("orchestrator.packaging.inspection", "advice.json")
    assert content is not None  # noqa: S101 - both loaders that can load this package can read its files
    rows: list[dict[str, Any]] = json.loads(content)["libraries"]
    return rows
