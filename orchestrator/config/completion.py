"""Fills in what the file leaves out: from CI variables, from other keys, from the build image table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.config import shapes
from orchestrator.config.document import Document
from orchestrator.config.images import default_image
from orchestrator.config.problem import Path
from orchestrator.config.targets import split_targets
from orchestrator.vocabulary import Architecture, Machine, Source, StateBackend


def complete(document: Document, environment: Mapping[str, str], directory: str) -> None:
    """Add to the document every value that has a default which depends on something else.

    `directory` is the name of the directory of the file. A block of the wrong type is left alone, so that
    checking the result afterwards finds it.
    """
    split_targets(document)
    filler = Filler(document, environment)
    filler.variable("project", ("CI_PROJECT_PATH_SLUG",), (), slug(directory), "the directory's name")
    filler.variable("region", ("AWS_REGION", "AWS_DEFAULT_REGION"))
    filler.variable("url", ("CI_SERVER_URL",), ("gitlab",), "https://gitlab.com")
    filler.variable("project", ("CI_PROJECT_ID",), ("gitlab",))
    filler.value(("artifacts", "managed"), document.at("artifacts", "bucket") is None)
    # A wrong name is reported once, where it is written, and not again wherever it would be used.
    project = valid(shapes.name, document.at("project"), "unnamed")
    region = valid(shapes.region, document.at("region"), "us-east-1")
    filler.value(("trigger", "token_parameter"), f"/gitlab/trigger/{project}")
    in_gitlab = environment.get("GITLAB_CI") == "true"
    filler.value(("terraform", "state"), (StateBackend.GITLAB if in_gitlab else StateBackend.LOCAL).value)
    filler.value(("terraform", "name"), project)
    filler.value(("terraform", "key"), f"{project}/terraform.tfstate")
    filler.value(("terraform", "region"), region)
    if document.at("source") == Source.CLONE.value:
        _complete_clone(filler)
    packages = document.at("packages")
    for name in packages if isinstance(packages, dict) else ():
        _complete_build(filler, ("packages", name))


def _complete_clone(filler: Filler) -> None:
    if filler.document.at("clone") is None:
        asked = filler.document.origin(("source",))
        filler.document.origins["clone",] = replace(asked, path=("clone",), text="")
    address = filler.environment.get("CI_PROJECT_URL", "")
    if address:
        filler.value(("clone", "url"), f"{address.rstrip('/')}.git", source="CI_PROJECT_URL")
        return
    url, project = filler.document.at("gitlab", "url"), filler.document.at("gitlab", "project")
    by_path = isinstance(url, str) and isinstance(project, str) and "/" in project
    filler.value(("clone", "url"), f"{url.rstrip('/')}/{project}.git" if by_path else None, ("gitlab",))


def _complete_build(filler: Filler, path: Path) -> None:
    shared, architecture = filler.document.at("build"), filler.document.at(*path, "architecture")
    if filler.document.at(*path) is None or filler.block((*path, "build")) is None:
        return
    for key, value in (shared if isinstance(shared, dict) else {}).items():
        if value is not None:
            filler.value((*path, "build", key), value, ("build", key))
    words = [word.value for word in Architecture]
    # With a wrong architecture any image will do: the architecture is what gets reported.
    known = Architecture(architecture) if architecture in words else Architecture.ARM64
    on_lambda = filler.document.at(*path, "build", "machine") == Machine.LAMBDA.value
    runtime = filler.document.at(*path, "runtime")
    machine = Machine.LAMBDA if on_lambda else Machine.CONTAINER
    filler.value((*path, "build", "image"), default_image(known, machine, str(runtime or "python3.12")))
    filler.value((*path, "build", "compute"), "2GB" if on_lambda else None)


class Filler:
    """Writes only where nothing is written yet, and notes where the value came from."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self.document = document
        self.environment = environment

    def block(self, path: Path) -> dict[str, Any] | None:
        """Return the mapping at the path, made if it is absent; None if something else is there."""
        here: Any = self.document.data
        for part in path:
            if not isinstance(here, dict):
                return None
            here = here.setdefault(part, {})
        return here if isinstance(here, dict) else None

    def value(self, path: Path, value: Any, like: Path = (), source: str = "") -> None:
        """Set an absent key; `like` is the path of the value it was made from."""
        key, block = str(path[-1]), self.block(path[:-1])
        if value is None or block is None or block.get(key) is not None:
            return
        block[key] = value
        origin = self.document.origin(like) if like else self.document.origin(path)
        if like or source:
            self.document.origins[path] = replace(origin, source=source or origin.source)

    def variable(self, key: str, names: tuple[str, ...], block: Path = (), default: str = "", source: str = "") -> None:
        """Set an absent key from the first of the environment variables that is not empty."""
        for name in names:
            if self.environment.get(name):
                return self.value((*block, key), self.environment[name], source=name)
        return self.value((*block, key), default or None, source=source)


def valid(check: Callable[[str], str], value: object, otherwise: str) -> str:
    """Return the value as the check returns it, or something else for one that fails it: that is told elsewhere."""
    try:
        return check(value) if isinstance(value, str) else otherwise
    except ValueError:
        return otherwise


def slug(text: str) -> str:
    """Return what GitLab makes of a path for `CI_PROJECT_PATH_SLUG`: lower case, hyphens, 63 characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:63].strip("-")
