"""Which packages a repository holds: functions by their handlers, layers by what their folders are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from orchestrator.config import shapes
from orchestrator.discovery.handlers import Handler, handlers
from orchestrator.discovery.natives import Natives, natives
from orchestrator.discovery.requirements import asked, file_of, is_conventional, unread
from orchestrator.discovery.runtimes import architecture_of, runtime_of
from orchestrator.discovery.tree import Found, Tree, folder_of, is_aside, upwards
from orchestrator.packaging.runtimes import runtimes
from orchestrator.vocabulary import Kind

# Names of folders that say nothing about what is in them.
_GENERIC = {
    *("", "src", "source", "app", "code", "python", "lambda", "lambdas", "aws-lambda", "lambda-function"),
    *("function", "functions", "handler", "handlers", "layer", "layers", "lambda-layer", "lambda-layers", "package"),
}
_LAYER = re.compile(r"(?:^|.*[-_])layers?(?:[-_].*|$)", re.IGNORECASE)
_MOST = 100  # packages of a configuration


@dataclass(frozen=True)
class FoundPackage:
    """What was found out about one package; a `sure` kind needs no question, `requirements` is None for `auto`.

    `nothing_required` says why nothing but its own code is packed, empty if something else is.
    """

    name: str
    kind: Kind
    source: str
    why: str
    sure: bool = True
    runtime: Found | None = None
    architecture: Found | None = None
    requirements: str | None = None
    nothing_required: str = ""
    natives: Natives = field(default_factory=Natives)


@dataclass(frozen=True)
class _Place:
    source: str
    kind: Kind
    why: str
    sure: bool = True


def packages(tree: Tree) -> tuple[FoundPackage, ...]:
    """Return the packages of a repository, at most a hundred, in the order of their folders."""
    places = sorted(_places(tree), key=lambda place: (place.source != ".", place.source))
    usable = [place for place in places if _is_usable(place.source)][:_MOST]
    names = _names(usable)
    return tuple(_package(tree, name, place) for name, place in zip(names, usable, strict=True))


def _package(tree: Tree, name: str, place: _Place) -> FoundPackage:
    runtime = runtime_of(tree, place.source)
    own = file_of(tree, place.source)
    file = own or file_of(tree, ".")
    row = runtimes()[runtime.value] if runtime else None
    return FoundPackage(
        name=name,
        kind=place.kind,
        source=place.source,
        why=place.why,
        sure=place.sure,
        runtime=runtime,
        architecture=architecture_of(tree, place.source),
        requirements=None if file is None or is_conventional(file) else file,
        nothing_required="" if file else _nothing_required(tree, place.source),
        natives=natives(asked(tree, file), row.python if row else None) if file else Natives(),
    )


def _nothing_required(tree: Tree, source: str) -> str:
    found = (unread(tree, folder) for folder in dict.fromkeys((source, ".")))
    return next(filter(None, found), "only its own code is packed")


def _places(tree: Tree) -> list[_Place]:
    functions = list(_functions(tree, handlers(tree)))
    taken = {place.source for place in functions}
    layers = [place for place in _layers(tree) if place.source not in taken]
    return functions + layers or list(_unsure(tree))


def _functions(tree: Tree, found: Sequence[Handler]) -> Iterator[_Place]:
    sources: dict[str, Handler] = {}
    for handler in found:
        sources.setdefault(_source(tree, handler), handler)
    for source, handler in sources.items():
        yield _Place(source, Kind.FUNCTION, f"`{handler.path}` has `{handler.function}(event, context)`")


def _source(tree: Tree, handler: Handler) -> str:
    """Return the folder to pack: the nearest one with requirements of its own, else where imports begin."""
    nearest = next((place for place in upwards(folder_of(handler.path)) if file_of(tree, place)), ".")
    return handler.folder if nearest == "." else nearest


def _layers(tree: Tree) -> Iterator[_Place]:
    for folder in _with_requirements(tree):
        if any(_LAYER.fullmatch(part) for part in PurePosixPath(folder).parts):
            yield _Place(folder, Kind.LAYER, f"`{folder}` has requirements and is called a layer")


def _unsure(tree: Tree) -> Iterator[_Place]:
    """Yield what may be packages where neither a handler nor a layer is to be seen."""
    code = [path for path in tree.files if path.endswith(".py") and not is_aside(path)]
    folders = list(_with_requirements(tree))
    for folder in folders:
        inside = [path for path in code if folder == "." or path.startswith(f"{folder}/")]
        why = f"`{folder}` has requirements and {'code, but no handler' if inside else 'no code'}"
        yield _Place(folder, Kind.FUNCTION if inside else Kind.LAYER, why, sure=not inside)
    if not folders and code:
        yield _Place(".", Kind.FUNCTION, "there is Python code, but no handler", sure=False)


def _with_requirements(tree: Tree) -> Iterator[str]:
    folders = {folder_of(path) for path in tree.files if not is_aside(path)}
    yield from (folder for folder in sorted(folders) if file_of(tree, folder))


def _is_usable(source: str) -> bool:
    try:
        shapes.path(source)
    except ValueError:
        return False
    return True


def _names(places: Iterable[_Place]) -> list[str]:
    names: list[str] = []
    for place in places:
        wanted = _name(place)
        number = next(number for number in range(1, _MOST + 2) if _numbered(wanted, number) not in names)
        names.append(_numbered(wanted, number))
    return names


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _name(place: _Place) -> str:
    slugs = [re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")[:60] for part in PurePosixPath(place.source).parts]
    telling = [slug for slug in slugs if slug not in _GENERIC]
    return telling[-1] if telling else place.kind.value
