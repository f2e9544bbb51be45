"""The text of a short `orchestrator.yml`: what was found, without what is the default anyway."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from orchestrator.discovery.discover import Discovery
from orchestrator.discovery.packages import FoundPackage
from orchestrator.discovery.runtimes import DEFAULT
from orchestrator.vocabulary import Architecture, Kind

# What is the same text for YAML without quotes as with them.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
IGNORED = (
    ".orchestrator/",
    ".terraform/",
    "/package.zip",
    "/manifest.json",
    "/sbom.cdx.json",
    "/provenance.json",
    # What `orchestrator deploy` leaves beside a Terraform root.
    "orchestrator.auto.tfvars.json",
    "orchestrator_override.tf",
    "backend.tfbackend.json",
)
# Where `orchestrator artifacts get` puts a package unless it is told.
PACKAGES_FOLDER = "dist"
DEFAULT_URL = "https://gitlab.com"


def configuration_text(found: Discovery) -> str:
    """Return the file."""
    return "\n".join([*_lines(found), ""])


def reasons(found: Discovery) -> Iterator[str]:
    """Yield what was found and why, line by line."""
    yield f"project `{found.project.value}`: {found.project.why}"
    yield f"region `{found.region.value}`: {found.region.why}"
    for item in found.packages:
        yield f"package `{item.name}`: {item.kind.value} in `{item.source}`: {item.why}"
        yield from (f"  {line}" for line in _about(item))


def missing_ignores(text: str | None, *, own_lock: bool, own_dist: bool) -> tuple[str, ...]:
    """Return the lines that a `.gitignore` lacks, so that no commit takes what commands leave behind.

    `own_lock` and `own_dist` tell that a file and a folder are there already which we write, too: they are not ours.
    """
    known = {line.strip().strip("/") for line in (text or "").splitlines()}
    wanted = (*IGNORED, *(() if own_lock else ("/pylock.toml",)), *(() if own_dist else (f"/{PACKAGES_FOLDER}/",)))
    return tuple(line for line in wanted if line.strip("/") not in known)


def _about(item: FoundPackage) -> Iterator[str]:
    for word, fact in (("runtime", item.runtime), ("architecture", item.architecture)):
        if fact:
            yield f"{word} `{fact.value}`: {fact.why}"
    if item.requirements:
        yield f"requirements `{item.requirements}`: the only file of its kind there"
    if item.nothing_required:
        yield f"no requirements: {item.nothing_required}"
    yield from item.natives.why


def _lines(found: Discovery) -> Iterator[str]:
    yield f"project: {scalar(found.project.value)}"
    yield f"region: {scalar(found.region.value)}"
    yield "packages:"
    for item in found.packages:
        settings = list(_settings(item))
        yield f"  {scalar(item.name)}:" + ("" if settings else " {}")
        yield from (f"    {line}" for line in settings)
    if found.origin:
        yield "gitlab:"
        if found.origin.url != DEFAULT_URL:
            yield f"  url: {scalar(found.origin.url)}"
        yield f"  project: {scalar(found.origin.path)}"


def _settings(item: FoundPackage) -> Iterator[str]:
    if item.kind != Kind.FUNCTION:
        yield f"kind: {item.kind.value}"
    if item.architecture and item.architecture.value != Architecture.ARM64.value:
        yield f"architecture: {item.architecture.value}"
    if item.runtime and item.runtime.value != DEFAULT:
        yield f"runtime: {item.runtime.value}"
    if item.source != ".":
        yield f"source: {scalar(item.source)}"
    if item.requirements:
        yield f"requirements: {scalar(item.requirements)}"
    yield from _block("environment", {key: scalar(value) for key, value in item.natives.environment.items()})
    listed = {manager: _list(names) for manager, names in item.natives.system_packages.items()}
    yield from _block("system_packages", listed)
    if item.natives.smoke:
        yield f"smoke: {_list(item.natives.smoke)}"


def _block(key: str, values: Mapping[str, str]) -> Iterator[str]:
    if values:
        yield f"{key}:"
        yield from (f"  {name}: {value}" for name, value in values.items())


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(scalar(value) for value in values)}]"


def scalar(text: str) -> str:
    """Return a text as YAML writes it on one line."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
