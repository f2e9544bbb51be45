"""Everything that shapes a package, as a list that people can compare, and its digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.packaging.documents.model import Origin, PackageFacts
from orchestrator.packaging.files import sha256_of
from orchestrator.packaging.runtimes import Runtime

# What tools leave in a checkout; none of it is ever packed.
_IGNORED = {".git", ".orchestrator", "__pycache__"}


def inputs(facts: PackageFacts, origin: Origin) -> dict[str, str]:
    """Return what shaped the package as names and printable values; two equal ones give equal packages."""
    asked = facts.asked
    return {
        "application": facts.source_sha256,
        "bytecode": _text(asked.bytecode),
        "commands": _text(asked.commands),
        "compressor": facts.assembled.compressor,
        "environment": _text(dict(asked.environment)),
        "exclude": _text(sorted(asked.exclude)),
        "image": origin.image,
        "interpreter": facts.assembled.interpreter,
        "kind": facts.kind,
        "lock": hashlib.sha256(facts.plan.text).hexdigest() if facts.plan else "",
        "output": asked.output,
        "runtime": f"{facts.target.runtime.name} on {facts.target.runtime.system}",
        "runtime_row": _digest(_row(facts.target.runtime)),
        "architecture": facts.target.architecture,
        "system_packages": _text(asked.system_packages),
        "tool": origin.tool_sha256,
        "wheels": _digest([[wheel.name, wheel.version, wheel.sha256] for wheel in facts.wheels]),
    }


def input_digest(inputs: Mapping[str, str]) -> str:
    """Return the sha256 of what `inputs` gave, in hex."""
    return _digest(dict(inputs))


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Say why a package was made anew: one line for each input that differs between two manifests."""
    return tuple(
        f"{name}: {before.get(name) or 'nothing'} -> {after.get(name) or 'nothing'}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def tree_digest(sources: Sequence[Path]) -> str:
    """Return the sha256, in hex, of the names, modes and contents of files and directories, in the order given.

    Where they lie on this machine, their times and their owners do not matter.
    """
    digest = hashlib.sha256()
    for number, source in enumerate(sources):
        for name, path in _files(source):
            mode = "x" if os.access(path, os.X_OK) else "-"
            # No file name holds a NUL, so no two lists of files become one text.
            line = f"{number}\0{name}\0{mode}\0".encode("utf-8", "surrogateescape")
            digest.update(line + (sha256_of(path) if path.is_file() else b"gone"))
    return digest.hexdigest()


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    if not source.is_dir():
        yield source.name, source
        return
    found = []
    for folder, folders, names in os.walk(source, followlinks=False):
        folders[:] = [name for name in folders if name not in _IGNORED]
        found += [Path(folder, name) for name in names]
    for path in sorted(found, key=lambda path: path.relative_to(source).as_posix()):
        yield path.relative_to(source).as_posix(), path


def _row(runtime: Runtime) -> dict[str, Any]:
    """Return what decides about wheels and findings; when AWS ends a runtime changes no package."""
    return {
        "guaranteed": sorted(runtime.guaranteed),
        "present": sorted(runtime.present),
        "python": runtime.python,
        "system": runtime.system,
        "versions": {name: list(version) for name, version in runtime.versions.items()},
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(_text(value).encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
