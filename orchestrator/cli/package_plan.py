"""`package plan`: for every dependency and target, whether it is a wheel, has to be compiled, or cannot be had."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.package_options import table_option
from orchestrator.cli.screen import narrate, print_data, print_document
from orchestrator.errors import BuildFailed, ConfigurationError

if TYPE_CHECKING:
    from orchestrator.packaging.lock.model import DependencyPlan
    from orchestrator.packaging.runtimes import Target

_WORDS = {"wheel": "wheel", "compile": "must be compiled", "impossible": "impossible"}


@dataclass(frozen=True)
class Outcome:
    """The plan of one target, or why there is none."""

    target: Target
    plan: DependencyPlan | None
    error: str = ""

    def names(self, verdict: str) -> list[str]:
        """Return the packages with a verdict."""
        return [str(package) for package in (self.plan.packages if self.plan else ()) if package.verdict == verdict]


@click.command(
    epilog="Example: orchestrator package plan --requirements requirements.txt --runtime python3.11 --runtime "
    "python3.13 --architecture arm64"
)
@click.argument("source", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--requirements",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="requirements.txt, pyproject.toml, uv.lock or pylock.toml. [default: the first of them in SOURCE]",
)
@click.option(
    "--architecture",
    "architectures",
    multiple=True,
    default=("arm64",),
    show_default=True,
    help="`arm64` or `x86_64`; may be given several times.",
)
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    default=("python3.12",),
    show_default=True,
    help="The Lambda runtime; may be given several times.",
)
@click.option(
    "--allow-pure", multiple=True, metavar="NAME", help="A dependency that may come without its machine code."
)
@table_option
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for what is asked of the index. [default: ~/.cache/orchestrator]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(
    *,
    source: Path,
    requirements: Path | None,
    architectures: Sequence[str],
    runtimes: Sequence[str],
    allow_pure: Sequence[str],
    table: Path | None,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Say for every dependency and target: wheel, must be compiled, or impossible, and why. Builds nothing."""
    from orchestrator.cli.package_options import target

    targets = [target(arch, name, table) for name in dict.fromkeys(runtimes) for arch in dict.fromkeys(architectures)]
    file = requirements or found_in(source)
    outcomes = _outcomes(file, source, targets, allow_pure, cache or Path.home() / ".cache" / "orchestrator")
    if as_json:
        print_document({"requirements": str(file), "targets": [_as_json(outcome) for outcome in outcomes]})
    else:
        print_data(plan_text(outcomes))
    if any(outcome.error or outcome.names("impossible") for outcome in outcomes):
        click.get_current_context().exit(1)


def found_in(source: Path) -> Path:
    """Return the file that says what SOURCE requires, found as `requirements: auto` does; or ConfigurationError."""
    from orchestrator.config.requirements import CONVENTIONAL, PROJECT, conventional_file

    def read(name: str) -> bytes | None:
        path = source / name
        return path.read_bytes() if path.is_file() else None

    name = conventional_file(".", read)
    if name is None:
        raise ConfigurationError(
            f"nothing in `{source}` says what it requires",
            detail=f"expected: one of {', '.join((*CONVENTIONAL, PROJECT))}",
            hint="name the file with `--requirements`",
        )
    return source / name


def tree_of(requirements: Path, source: Path) -> Path:
    """Return the folder outside of which nothing is read: that of the repository, else the one that holds both."""
    folder = requirements.resolve().parent
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
    return Path(os.path.commonpath([folder, source.resolve()]))


def plan_text(outcomes: Sequence[Outcome]) -> str:
    """Return the plans as aligned text, and a last line that says whether CodeBuild is needed."""
    lines: list[str] = []
    for outcome in outcomes:
        lines += [*_block(outcome), ""]
    return "\n".join([*lines, _summary(outcomes)]) + "\n"


def _outcomes(file: Path, source: Path, targets: Sequence[Target], pure: Sequence[str], cache: Path) -> list[Outcome]:
    from orchestrator.packaging.lock.plan import index_of, plan_dependencies
    from orchestrator.packaging.lock.uv import Uv
    from orchestrator.packaging.programs import program

    tree, uv = tree_of(file, source), program("uv")
    index, outcomes = index_of(file, tree, source), list[Outcome]()
    with tempfile.TemporaryDirectory(prefix="orchestrator-plan-") as scratch:
        for target in targets:
            narrate(f"planning {file} for {target}")
            directory = Path(scratch) / f"{target.runtime.name}-{target.architecture}"
            tool = Uv(uv, directory, cache, target, {})
            try:
                found = plan_dependencies(file, tree, source, target, tool, narrate, pure=pure, index=index)
                outcomes.append(Outcome(target, found))
            except BuildFailed as error:
                outcomes.append(Outcome(target, None, str(error)))
    return outcomes


def _block(outcome: Outcome) -> list[str]:
    from orchestrator.packaging.lock.target_tags import glibc_words

    head = f"{outcome.target} ({glibc_words(outcome.target.runtime.glibc)})"
    if outcome.plan is None:
        return [f"{head}: impossible", *(f"  {line}" for line in outcome.error.splitlines())]
    rows = [(item.name, item.version, _WORDS[item.verdict], item.reason) for item in outcome.plan.packages]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    listed = [
        "  " + "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
    return [f"{head}: {_counted(outcome)}", *(line.rstrip() for line in listed)]


def _counted(outcome: Outcome) -> str:
    wheels, compiled, impossible = (len(outcome.names(verdict)) for verdict in _WORDS)
    if not wheels + compiled + impossible:
        return "no dependencies"
    parts = [
        f"{wheels} {'wheel' if wheels == 1 else 'wheels'}",
        *([f"{compiled} to compile"] if compiled else []),
        *([f"{impossible} impossible"] if impossible else []),
    ]
    return ", ".join(parts)


def _summary(outcomes: Sequence[Outcome]) -> str:
    impossible = _listed(outcomes, "impossible", failed=True)
    compiled = _listed(outcomes, "compile", failed=False)
    if impossible:
        return f"no package can be made: {impossible}"
    if compiled:
        return f"CodeBuild is needed: {compiled}"
    return "CodeBuild is not needed: nothing has to be compiled"


def _listed(outcomes: Sequence[Outcome], verdict: str, *, failed: bool) -> str:
    found = []
    for outcome in outcomes:
        names = outcome.names(verdict)
        if names or (failed and outcome.error):
            found.append(f"{outcome.target} ({', '.join(names)})" if names else str(outcome.target))
    return "; ".join(found)


def _as_json(outcome: Outcome) -> Mapping[str, Any]:
    import hashlib

    found = outcome.plan
    return {
        "architecture": outcome.target.architecture,
        "runtime": outcome.target.runtime.name,
        "error": outcome.error or None,
        "lock_sha256": hashlib.sha256(found.text).hexdigest() if found else None,
        "lock_made": found.made if found else None,
        "needs_codebuild": bool(outcome.names("compile")),
        "packages": [
            {
                "name": package.name,
                "version": package.version,
                "verdict": package.verdict.value,
                "reason": package.reason,
                "file": package.file.name if package.file else None,
                "sha256": package.file.sha256 if package.file else None,
                "size_bytes": package.file.size_bytes if package.file else None,
            }
            for package in (found.packages if found else ())
        ],
    }
