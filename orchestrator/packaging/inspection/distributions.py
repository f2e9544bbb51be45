"""Which distribution brought a file, and what that distribution says of itself."""

from __future__ import annotations

import csv
import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

_NODE_PACKAGE = re.compile(r"(?:^|.*/)node_modules/((?:@[^/]+/)?[^/]+)/")
_DIST_INFO = re.compile(r"(?P<root>(?:[^/]+/)*)(?P<name>[^/]+?)-(?P<version>[^/-]+)\.dist-info/[^/]+$")


@dataclass(frozen=True)
class Distribution:
    """A Python distribution or Node package in the zip.

    `folder` is its dist-info (or package) directory and `root` the directory that it is installed to, each with a
    slash at the end or empty. `tags` are the compatibility tags of its WHEEL, `is_pure` tells that it promises to be
    the same for every system, `needs_others` that it has requirements.
    """

    name: str
    version: str
    folder: str
    root: str
    tags: tuple[str, ...] = ()
    is_pure: bool = False
    needs_others: bool = False
    is_node: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass
class Distributions:
    """All of them, and the files that each recorded; without arguments, there are none."""

    all: tuple[Distribution, ...] = ()
    recorded: Mapping[str, Distribution] = field(default_factory=dict)
    _tops: Mapping[tuple[str, str], Distribution] = field(default_factory=dict)
    _manifests: Mapping[str, bytes] = field(default_factory=dict)
    _node: dict[str, Distribution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._roots = sorted({distribution.root for distribution in self.all}, key=len, reverse=True)

    def of(self, name: str) -> Distribution | None:
        """Return who brought a file: by RECORD, else by the first part of its name; None for the application."""
        if found := self.recorded.get(name):
            return found
        if match := _NODE_PACKAGE.match(name):
            return self._node_package(name[: match.end()], match[1])
        for root in self._roots:
            if name.startswith(root):
                top = name[len(root) :].partition("/")[0]
                if found := self._tops.get((root, _import_name(top))):
                    return found
        return None

    def _node_package(self, folder: str, name: str) -> Distribution:
        if folder not in self._node:
            version = ""
            with suppress(ValueError, AttributeError, RecursionError):  # the name, which the directory tells, has to do
                version = str(json.loads(self._manifests.get(f"{folder}package.json", b"{}")).get("version", ""))
            self._node[folder] = Distribution(name, version, folder, folder, is_node=True)
        return self._node[folder]


def read_distributions(names: Iterable[str], descriptions: Mapping[str, bytes]) -> Distributions:
    """Find the distributions by their dist-info directories (PyPA "Recording installed projects")."""
    found: dict[str, Distribution] = {}
    for name in names:
        match = _DIST_INFO.match(name) if ".dist-info/" in name else None
        if match and (folder := f"{name.rpartition('/')[0]}/") not in found:
            found[folder] = _distribution(match, folder, descriptions)
    recorded: dict[str, Distribution] = {}
    tops: dict[tuple[str, str], Distribution] = {}
    for distribution in found.values():
        for path in _record(descriptions.get(f"{distribution.folder}RECORD", b"")):
            recorded[posixpath.normpath(f"{distribution.root}{path}")] = distribution
        for top in _top_levels(distribution, descriptions):
            tops.setdefault((distribution.root, top), distribution)
    return Distributions(tuple(found.values()), recorded, tops, descriptions)


def _distribution(match: re.Match[str], folder: str, descriptions: Mapping[str, bytes]) -> Distribution:
    wheel = _headers(descriptions.get(f"{folder}WHEEL", b""))
    metadata = _headers(descriptions.get(f"{folder}METADATA", b""))
    return Distribution(
        name=re.sub(r"[-_.]+", "-", match["name"]).lower(),
        version=match["version"],
        folder=folder,
        root=match["root"],
        tags=tuple(value for key, value in wheel if key == "tag"),
        is_pure=("root-is-purelib", "true") in wheel,
        needs_others=any(key == "requires-dist" for key, _ in metadata),
    )


def _headers(content: bytes) -> list[tuple[str, str]]:
    """Return the header lines of WHEEL or METADATA: keys in lower case, tags and booleans as they are."""
    pairs = []
    for line in content.decode("utf-8", "replace").splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if colon:
            pairs.append((key.strip().lower(), value.strip()))
    return pairs


def _record(content: bytes) -> list[str]:
    try:
        return [row[0] for row in csv.reader(content.decode("utf-8", "replace").splitlines()) if row]
    except csv.Error:
        return []  # then the names of the directories have to do


def _top_levels(distribution: Distribution, descriptions: Mapping[str, bytes]) -> set[str]:
    """Return the first parts of names that belong to a distribution, as far as it does not say."""
    lines = descriptions.get(f"{distribution.folder}top_level.txt", b"").decode("utf-8", "replace").split()
    metadata = _headers(descriptions.get(f"{distribution.folder}METADATA", b""))
    imports = [value.partition(";")[0].strip() for key, value in metadata if key == "import-name"]
    return {_import_name(line.partition("/")[0]) for line in [*lines, *imports, distribution.name] if line} | {
        _import_name(distribution.folder.removesuffix("/").rpartition("/")[2]),
    }


def _import_name(top: str) -> str:
    """Return `PIL.libs`, `_cffi_backend.cpython-312-….so` or `foo-1.0.dist-info` as one comparable word."""
    if top.endswith((".dist-info", ".data")):
        return top
    return top.partition(".")[0].replace("-", "_").lower()
