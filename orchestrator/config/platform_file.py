"""`platform.yml` as a kind of file: what is filled in, and what does not fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.config import shapes
from orchestrator.config.completion import Filler, slug, valid
from orchestrator.config.document import Document
from orchestrator.config.format import Format
from orchestrator.config.platform_model import Platform
from orchestrator.config.problem import Path
from orchestrator.config.schema import Schema
from orchestrator.vocabulary import Return

EXAMPLE = """\
region: eu-central-1
projects:
  shop/thumbnails: {}
"""

SCHEMA = Schema(
    model=Platform,
    name="platform.yml",
    identifier="urn:orchestrator:platform:1",
    description="What the projects of one AWS account and region share.",
    example={"region": "eu-central-1", "projects": {"shop/thumbnails": {}}},
    required={"Platform": ["projects"]},
)


def _complete(document: Document, environment: Mapping[str, str], _directory: str) -> None:
    filler = Filler(document, environment)
    filler.variable("region", ("AWS_REGION", "AWS_DEFAULT_REGION"))
    if filler.block(("gitlab",)) is not None:
        written = document.at("gitlab", "url")
        filler.value(("gitlab", "issuer"), "https://gitlab.com" if written is None else written, ("gitlab", "url"))
        issuer = document.at("gitlab", "issuer")
        filler.value(("gitlab", "audience"), valid(shapes.issuer, issuer, "https://gitlab.com"))
    projects = document.at("projects")
    for path, project in projects.items() if isinstance(projects, dict) else ():
        if isinstance(project, dict):
            filler.value(("projects", path, "name"), slug(path), ("projects", path))
            name = valid(shapes.name, document.at("projects", path, "name"), "unnamed")
            waits = project.get("return") == Return.WAIT.value
            filler.value(("projects", path, "parameters"), [] if waits else [f"/gitlab/trigger/{name}"])


def _misplaced(_document: Document) -> Iterator[tuple[Path, str]]:
    yield from ()


def _contradictions(document: Document) -> Iterator[tuple[Path, str]]:
    named = dict(_named(document))
    for path, name in named.items():
        for other in named:
            if other != path and named[other] == name and list(named).index(other) < list(named).index(path):
                yield ("projects", path), f"has the name `{name}` like `{other}`; give one of them a `name`"
    # `shop-*` would fit the builds of `shop-thumbnails`, too.
    for path, name in named.items():
        longer = sorted(other for other in named.values() if other.startswith(f"{name}-"))
        if longer and document.at("projects", path, "builds") is None:
            reach = f"its name `{name}` begins that of `{longer[0]}`, whose builds it could reach"
            yield ("projects", path), f"{reach}; list its own in `builds`"
        deploy = document.at("projects", path, "deploy")
        if longer and isinstance(deploy, dict) and deploy.get("functions") is None:
            reach = f"the project's name `{name}` begins that of `{longer[0]}`, whose functions it could reach"
            yield ("projects", path, "deploy"), f"{reach}; list its own in `functions`"
    for path in named:
        yield from _others_reached(document, path, named)
        yield from _roles_without_refs(document, path)


def _others_reached(document: Document, path: str, named: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield each list of names that fits what begins as another project's things do, such as its way home."""
    name = named[path]
    for keys in (("builds",), ("deploy", "functions")):
        listed: Any = document.at("projects", path, *keys)
        for one in listed if isinstance(listed, list) else ():
            stem = str(one).removesuffix("*")
            # What begins with the own name is the own, also where a shorter name of another project begins it.
            own_name = f"{one}-".startswith(f"{name}-")
            theirs = [
                f"{other}-" for other in named.values()
                if other != name and not (own_name and name.startswith(f"{other}-"))
            ]  # fmt: skip
            found = next(
                (own for own in theirs if stem.startswith(own) or (stem != one and own.startswith(stem))), None
            )
            if found:
                reach = f"`{one}` fits what begins with `{found}`, which is another project's"
                yield ("projects", path, *keys), f"{reach}; list names that nobody else has"


def _named(document: Document) -> Iterator[tuple[str, str]]:
    projects = document.at("projects")
    for path in projects if isinstance(projects, dict) else ():
        name = document.at("projects", path, "name")
        if isinstance(name, str):
            yield path, name


def _roles_without_refs(document: Document, path: str) -> Iterator[tuple[Path, str]]:
    for keys in (("refs", "apply"), ("refs", "start"), ("deploy", "refs")):
        refs: Any = document.at("projects", path, *keys)
        if isinstance(refs, dict) and refs.get("branches") == [] and not refs.get("tags"):
            yield ("projects", path, *keys), "no job could take this role; name a branch or a tag"


PLATFORM = Format(
    model=Platform,
    schema=SCHEMA,
    example=EXAMPLE,
    whole="three lines are a complete file",
    absent="go to the folder that has it, name it with `--file`, or write it",
    empty="expected `projects:` and paths of GitLab projects below it",
    hint="correct these lines; `orchestrator platform schema` prints every key with its meaning",
    complete=_complete,
    misplaced=_misplaced,
    contradictions=_contradictions,
    missing={
        ("projects",): "missing, expected the paths of GitLab projects; `{}` for none yet",
        ("region",): "missing, expected a region such as `eu-central-1`; or set AWS_REGION",
    },
)
