"""What a package says about its making that is right by itself and wrong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.config.document import Document
from orchestrator.config.package_model import AUTOMATIC
from orchestrator.config.package_shapes import RUNTIME_PATTERN
from orchestrator.config.problem import Path, printable
from orchestrator.config.runtime_model import NAMES
from orchestrator.config.secrets import looks_like_secret
from orchestrator.config.sentences import nearest
from orchestrator.config.shapes import matches
from orchestrator.errors import ConfigurationError
from orchestrator.packaging.runtimes import Runtime, runtimes
from orchestrator.vocabulary import Kind

_KINDS = [word.value for word in Kind]
# What has an effect only where Python is packed, and what it is for.
_OF_PYTHON = ("bytecode", "smoke", "allow_pure")


def contradictions_of_package(document: Document, name: str) -> Iterator[tuple[Path, str]]:
    """Give what is wrong between the keys of a package; values of a wrong type are left to others."""
    path: Path = ("packages", name)
    package = document.at(*path)
    if not isinstance(package, dict):
        return
    kind = package.get("kind") or Kind.FUNCTION.value
    if kind in _KINDS:
        yield from _of_kind(path, package, kind)
    runtime = package.get("runtime") or "python3.12"
    if isinstance(runtime, str):
        yield from _of_runtime(document, path, package, kind, runtime)


def runtime_rows(document: Document) -> Iterator[tuple[Path, str]]:
    """Give what is wrong with the rows of `runtimes`, taken together with the table."""
    rows = document.at("runtimes")
    for name, row in rows.items() if isinstance(rows, dict) else ():
        if isinstance(row, dict) and name not in NAMES and row.get("system") is None:
            yield ("runtimes", name), "needs `system`, because the built-in table has no runtime of this name"


def _of_kind(path: Path, package: Mapping[str, Any], kind: str) -> Iterator[tuple[Path, str]]:
    if kind != Kind.CUSTOM.value:
        for key in ("commands", "output"):
            if package.get(key):
                yield (*path, key), f"has an effect only with `kind: custom`, found `kind: {kind}`"
        return
    for key, what in (("commands", "that make the package"), ("output", "that they leave their files in")):
        if not package.get(key):
            subject = "the commands" if key == "commands" else "the directory"
            yield (*path, key), f"missing, `kind: custom` needs {subject} {what}"
    if package.get("requirements") not in (None, AUTOMATIC):
        yield (*path, "requirements"), "has no effect with `kind: custom`: its `commands` install what it needs"
    for key in ("bytecode", "allow_pure"):
        if package.get(key):
            yield (*path, key), "has no effect with `kind: custom`: its files are packed as they are"


def _of_runtime(
    document: Document, path: Path, package: Mapping[str, Any], kind: str, name: str
) -> Iterator[tuple[Path, str]]:
    own = document.at("runtimes")
    row = _row(name, own.get(name) if isinstance(own, dict) else None)
    if row is None and not matches(RUNTIME_PATTERN, name):
        return  # the model says what a name looks like
    if row is None:
        known = sorted({*NAMES, *(own if isinstance(own, dict) else ())})
        near = nearest(name, [word for word in known if isinstance(word, str)])
        yield (
            (*path, "runtime"),
            f"expected a runtime of the table, or one that `runtimes` describes, found {_shown(name)}"
            + (f"; did you mean `{near}`?" if near else ""),
        )
        return
    if row.python is not None or looks_like_secret(name):
        return
    if kind in _KINDS and kind != Kind.CUSTOM.value:
        yield (*path, "kind"), f"expected `custom` for `runtime: {name}`: the other kinds lay out Python"
    if package.get("requirements") not in (None, AUTOMATIC):
        yield (*path, "requirements"), f"has no effect with `runtime: {name}`, which has no Python"
    for key in _OF_PYTHON:
        if package.get(key):
            yield (*path, key), f"has no effect with `runtime: {name}`, which has no Python"


def _shown(name: str) -> str:
    if looks_like_secret(name):
        return "a text that is not shown because it may be a secret"
    return f"the text `{printable(name)}`"


def _row(name: str, written: Any) -> Runtime | None:
    """Return the row, a Python one if what is written about it is wrong: then that is what gets reported."""
    rows = runtimes()
    if written is None:
        return rows.get(name)
    try:
        row = {key: written[key] for key in ("system", "python") if written.get(key)}
        return runtimes({name: row})[name]
    except (ConfigurationError, AttributeError):
        return rows["python3.12"]
