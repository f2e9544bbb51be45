"""`package build`: from requirements and application files to an inspected zip with its documents."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.package_options import (
    allow_option,
    allowances,
    architecture_option,
    runtime_option,
    table_option,
    target,
    variables,
)
from orchestrator.cli.screen import narrate, print_data, print_json
from orchestrator.errors import ConfigurationError
from orchestrator.packaging.files import unwritable

if TYPE_CHECKING:
    from orchestrator.packaging.recipe import Recipe

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="Example: orchestrator package build src --requirements src/requirements.txt --output dist/parser.zip"
)
@click.argument("sources", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[SOURCE]...")
@click.option("--requirements", type=_FILE, help="requirements.txt, pyproject.toml, uv.lock or pylock.toml.")
@architecture_option
@runtime_option
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The zip; manifest, SBOM, provenance and lock are written beside it.",
)
@click.option("--kind", type=click.Choice(["function", "layer"]), default="function", show_default=True, help="Layout.")
@click.option("--layer", "layers", multiple=True, type=_FILE, help="A layer below the same function; not packed.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Names in the zip that stay out, such as `**/tests/**`.")
@click.option("--bytecode", is_flag=True, help="Add compiled Python; needs the runtime's Python on this machine.")
@click.option("--smoke", multiple=True, metavar="MODULE", help="A module that must be importable from the package.")
@allow_option
@click.option("--allow-pure", multiple=True, metavar="NAME", help="A dependency that may come without machine code.")
@click.option("--environment", multiple=True, metavar="NAME=VALUE", help="For build scripts; never a secret.")
@table_option
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Downloads and compiled wheels. [default: ~/.cache/orchestrator]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def build(output: Path, cache: Path | None, *, as_json: bool, **options: Any) -> None:
    """Make the package of SOURCEs (folders, files) and requirements for a target, inspected, with its documents."""
    from orchestrator.packaging.documents.model import Origin
    from orchestrator.packaging.documents.places import beside
    from orchestrator.packaging.making import make_package
    from orchestrator.packaging.programs import program
    from orchestrator.packaging.recipe import Bench
    from orchestrator.packaging.wheels.keep import FolderKeep

    recipe = _recipe(**options)
    _refuse_overwriting(output, recipe)
    started = _now()
    cached = (cache or _default_cache()).absolute()
    with _folder_beside(output) as folder, tempfile.TemporaryDirectory(prefix="orchestrator-") as scratch:
        bench = Bench(Path(scratch), cached, program("uv"), FolderKeep(cached / "wheels", narrate), narrate)
        made_here = folder / output.name
        ignored = (folder, output.absolute(), *beside(output.absolute()))
        facts = make_package(replace(recipe, ignored=ignored), bench, made_here)
        from orchestrator.packaging.documents.bundle import documents

        made = documents(facts, Origin(package=output.stem, started=started, finished=_now()), cached)
        finished = [*made.write_beside(made_here), made_here]
        # The package comes last: whoever finds it finds its documents.
        placed = [_place(file, output.with_name(file.name)) for file in finished]
    narrate(f"sha256 {facts.sha256.hex()}, {facts.inspection.size_bytes} bytes")
    if as_json:
        print_json(dict(made.manifest))
    else:
        print_data("\n".join(str(path) for path in (placed[-1], *placed[:-1])))


def _refuse_overwriting(output: Path, recipe: Recipe) -> None:
    """Raise ConfigurationError if the package or a document would replace what it is made of."""
    from orchestrator.packaging.documents.places import beside

    given = [*recipe.sources, *recipe.layers, *([recipe.requirements] if recipe.requirements else [])]
    read = {path.resolve() for path in given}
    for path in (output, *beside(output)):
        if path.resolve() in read:
            raise ConfigurationError(
                f"`{path}` would be replaced by what is made of it",
                detail="observed: a source, the requirements or a layer; expected: another file",
                hint="choose another `--output`",
            )


@contextmanager
def _folder_beside(output: Path) -> Iterator[Path]:
    """Give a private folder in the folder of `output`, so that finished files only have to be renamed."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=".orchestrator-", dir=output.absolute().parent)
    except OSError as error:
        raise unwritable(output, error) from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(file: Path, target: Path) -> Path:
    try:
        file.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    return target


def _recipe(
    sources: tuple[Path, ...],
    requirements: Path | None,
    architecture: str,
    runtime: str,
    table: Path | None,
    kind: str,
    layers: tuple[Path, ...],
    **asked: Any,
) -> Recipe:
    from orchestrator.packaging.documents.model import Asked
    from orchestrator.packaging.recipe import Recipe

    if not sources and requirements is None:
        raise ConfigurationError(
            "there is nothing to package",
            detail="observed: neither SOURCE nor `--requirements`",
            hint="name a folder with code, a file with requirements, or both",
        )
    here = Path.cwd()
    return Recipe(
        kind=kind,
        target=target(architecture, runtime, table),
        # Whoever types this may read all of this machine; in a build it is the repository.
        tree=Path(here.anchor),
        sources=tuple(source.absolute() for source in sources),
        requirements=requirements.absolute() if requirements else None,
        layers=layers,
        asked=Asked(
            source=", ".join(map(str, sources)),
            requirements=str(requirements or ""),
            exclude=asked["exclude"],
            bytecode=asked["bytecode"],
            environment=variables(asked["environment"]),
            smoke=asked["smoke"],
            allow=allowances(asked["allow"]),
            allow_pure=asked["allow_pure"],
        ),
    )


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "orchestrator"


def _now() -> str:
    return datetime.now(timezone.utc).replace(microsecond=0).isoformat()
