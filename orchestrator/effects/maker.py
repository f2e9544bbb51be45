"""Making packages on this machine, by the code that makes them inside a build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from orchestrator.errors import Refused
from orchestrator.packaging.documents.bundle import documents
from orchestrator.packaging.documents.model import Asked, Origin
from orchestrator.packaging.documents.places import MANIFEST_NAME, NAMES, PACKAGE_NAME
from orchestrator.packaging.inside.snapshot import check_commit, unpack
from orchestrator.packaging.inside.untar import extract
from orchestrator.packaging.lock.model import DependencyPlan, Verdict
from orchestrator.packaging.lock.plan import refuse_impossible
from orchestrator.packaging.making import dependency_plan, make_package
from orchestrator.packaging.programs import program
from orchestrator.packaging.recipe import Bench, Recipe
from orchestrator.packaging.wheels.interpreter import interpreter_of
from orchestrator.packaging.wheels.keep import NoKeep
from orchestrator.plan.model import BuildPlan
from orchestrator.ports import Narrator
from orchestrator.records import MadePackage, NotMade, Snapshot


class LocalMaker:
    """Makes packages of which nothing has to be compiled. `cache` keeps downloads from one run to the next."""

    def __init__(self, cache: Path, narrate: Narrator) -> None:
        self._cache = cache
        self._narrate = narrate

    def make(self, item: BuildPlan, snapshot: Snapshot, origin: Origin, folder: Path) -> MadePackage | NotMade:
        """Make the package in `folder` from exactly the files of the commit, never from the work tree."""
        started = _now()
        recipe = _recipe(item, _tree(snapshot, origin.commit, folder))
        bench = Bench(folder / "work", self._cache, program("uv"), NoKeep(), self._narrate)
        plan = dependency_plan(recipe, bench)
        if plan is not None:
            refuse_impossible(plan)
        reasons = tuple(_obstacles(item, plan, recipe))
        if reasons:
            return NotMade(reasons)
        facts = make_package(recipe, bench, folder / PACKAGE_NAME, planned=plan)
        made = documents(facts, replace(origin, started=started, finished=_now()), self._cache)
        places = {key: folder / name for key, name in NAMES.items()}
        made.write(folder / MANIFEST_NAME, places)
        return MadePackage(facts.package, {key: places[key] for key in made.others}, made.manifest)


def _tree(snapshot: Snapshot, commit: str, folder: Path) -> Path:
    """Unpack the archive of the commit, as a build does, and with the same checks."""
    tar, tree = folder / "snapshot.tar", folder / "tree"
    digest = unpack(snapshot.path, tar)
    if digest != snapshot.tar_sha256:
        raise Refused(
            f"the archive of {commit} has changed on this machine",
            detail=f"observed: sha256 {digest}\nexpected: sha256 {snapshot.tar_sha256}",
            hint="find out what else writes to this folder",
        )
    check_commit(tar, commit)
    extract(tar, tree)
    tar.unlink()
    return tree


def _recipe(item: BuildPlan, tree: Path) -> Recipe:
    return Recipe(
        kind=str(item.kind),
        target=item.target.resolved,
        tree=tree,
        sources=(tree / item.source,),
        requirements=None if item.requirements is None else tree / item.requirements,
        asked=Asked(
            source=item.source,
            requirements=item.requirements or "",
            exclude=item.exclude,
            bytecode=item.bytecode,
            environment=item.environment,
            system_packages=item.system_packages,
            smoke=item.smoke,
            allow=tuple(allowed.allowance for allowed in item.allow),
            allow_pure=item.allow_pure,
        ),
    )


def _obstacles(item: BuildPlan, plan: DependencyPlan | None, recipe: Recipe) -> Iterator[str]:
    """Give what CodeBuild is needed for."""
    for package in plan.having(Verdict.COMPILE) if plan else ():
        yield f"{package} has to be compiled: {package.reason}"
    if item.smoke:
        # This job holds tokens and credentials that a process of the same user can read.
        yield "`smoke:` runs the code of dependencies, which has no place in this job"
    if item.bytecode and interpreter_of(recipe.target) is None:
        yield f"`bytecode:` needs a Python for {recipe.target}, which is not here"


def _now() -> str:
    return datetime.now(timezone.utc).replace(microsecond=0).isoformat()
