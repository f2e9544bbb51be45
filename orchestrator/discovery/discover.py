"""The story of `init`: look at a repository, decide, and say in one value what was found and what is not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from orchestrator.config import shapes
from orchestrator.discovery.origin import Origin
from orchestrator.discovery.packages import FoundPackage, packages
from orchestrator.discovery.tree import Found, Tree
from orchestrator.errors import ConfigurationError
from orchestrator.vocabulary import Kind

_REGION = re.compile(r"""^\s*region\s*[:=]\s*['"]?([a-z]{2,4}(?:-[a-z]+)+-\d{1,2})\b""", re.MULTILINE)
_REGION_FILES = ("samconfig.toml", "serverless.yml", "serverless.yaml")
# Asks one question: the words of it, the answers (none: any text), the proposed one; returns the answer.
Ask = Callable[[str, tuple[str, ...], str], str]


@dataclass(frozen=True)
class Discovery:
    """What `orchestrator.yml` shall say; `region` comes from `AWS_REGION` where it is None."""

    project: Found
    region: Found
    packages: tuple[FoundPackage, ...]
    origin: Origin | None = None


def discover(
    tree: Tree, origin: Origin | None, environment: Mapping[str, str], profile_region: str | None, ask: Ask | None
) -> Discovery:
    """Return what was found. `ask` is None when nobody may be asked: then the likely answer is taken.

    Raises ConfigurationError when there is nothing to build, and when the region is known to nobody.
    """
    found = packages(tree)
    if not found:
        raise ConfigurationError(
            "there is nothing here to build a package from",
            detail="observed: no Python code, no requirements\nexpected: a module with `def handler(event, context)`, "
            "or a folder with requirements",
            hint="go to the top of the repository; for other languages write `orchestrator.yml` with `kind: custom`",
        )
    region = _region(tree, environment, profile_region) or _asked_region(ask)
    asked = tuple(_asked_kind(item, ask) for item in found)
    return Discovery(project=_project(tree, origin), region=region, packages=asked, origin=origin)


def _project(tree: Tree, origin: Origin | None) -> Found:
    text, why = (origin.path, f"the remote `{origin.remote}`") if origin else (tree.name, "the name of the folder")
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower())[:63].strip("-")
    return Found(slug or "project", why)


def _region(tree: Tree, environment: Mapping[str, str], profile_region: str | None) -> Found | None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if environment.get(name):
            return _checked_region(Found(environment[name], f"the variable `{name}`"))
    for path in tree.named(*_REGION_FILES):
        if found := _REGION.search(tree.files[path]):
            return Found(found[1], f"`{path}` says so")
    return Found(profile_region, "the AWS profile") if profile_region else None


def _checked_region(found: Found) -> Found:
    try:
        shapes.region(found.value)
    except ValueError as error:
        raise ConfigurationError(f"{found.why} names no AWS region", detail=str(error), hint="correct it") from error
    return found


def _asked_region(ask: Ask | None) -> Found:
    if ask is None:
        raise ConfigurationError(
            "the AWS region is not known",
            detail="observed: neither AWS_REGION nor a profile nor a file of the repository names one",
            hint="name it, for example `AWS_REGION=eu-central-1 orchestrator init --yes`",
        )
    return _checked_region(Found(ask("AWS region", (), "eu-central-1"), "your answer"))


def _asked_kind(item: FoundPackage, ask: Ask | None) -> FoundPackage:
    if item.sure or ask is None:
        return item
    words = (Kind.FUNCTION.value, Kind.LAYER.value)
    answer = ask(f"{item.why}; what is the package `{item.name}`?", words, item.kind.value)
    return replace(item, kind=Kind(answer))
