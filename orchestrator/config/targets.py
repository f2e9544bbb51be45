"""One package for both architectures: an entry that lists them stands for two packages."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from orchestrator.config.document import Document
from orchestrator.config.problem import Path
from orchestrator.vocabulary import Architecture

BOTH = [word.value for word in Architecture]


def name_for(package: str, architecture: str) -> str:
    """Return the name of the package for one of the architectures; no name has an underscore."""
    return f"{package}-{architecture.replace('_', '-')}"


def split_targets(document: Document) -> None:
    """Put two packages in the place of each that lists both architectures; whatever else is there stays for the model.

    What is wrong in one of them is still told of the line that was written.
    """
    packages = document.data.get("packages")
    if not isinstance(packages, dict) or not any(_lists_both(package) for package in packages.values()):
        return
    split = {name: package for name, package in packages.items() if not _lists_both(package)}
    for name, package in packages.items():
        if _lists_both(package):
            for architecture in BOTH:
                split.setdefault(name_for(name, architecture), {**copy.deepcopy(package), "architecture": architecture})
                _copy_origins(document, name, name_for(name, architecture))
    document.data["packages"] = split


def taken_names(document: Document) -> Iterator[tuple[Path, str]]:
    """Give the packages whose name another one needs for an architecture; asks for the document as it was written."""
    packages = document.at("packages")
    for name, package in packages.items() if isinstance(packages, dict) else ():
        for architecture in BOTH if _lists_both(package) else ():
            other = name_for(name, architecture)
            if other in packages:
                yield ("packages", other), f"`{name}` for {architecture} has this name already; give one another name"


def _lists_both(package: object) -> bool:
    asked = package.get("architecture") if isinstance(package, dict) else None
    return isinstance(asked, list) and len(asked) == len(BOTH) and all(word in asked for word in BOTH)


def _copy_origins(document: Document, name: str, other: str) -> None:
    if ("packages", other) in document.origins:
        return
    for path, origin in list(document.origins.items()):
        if path[:2] == ("packages", name):
            copied: Path = ("packages", other, *path[2:])
            document.origins[copied] = origin
