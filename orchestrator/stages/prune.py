"""artifacts prune: which packages nobody needs any more, and taking them away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.documents.places import MANIFEST_NAME
from orchestrator.plan.model import Plan
from orchestrator.stages.artifacts import ArtifactsWorld, StoredPackage, list_packages, projects_of
from orchestrator.vocabulary import BuildStatus


@dataclass(frozen=True)
class PruneRule:
    """What shall go: packages older than so many days, and those of branches and tags that are gone."""

    older_than_days: int | None = None
    gone_refs: bool = False


@dataclass(frozen=True)
class Verdict:
    """What happens to a stored package, and why."""

    package: StoredPackage
    goes: bool
    why: str


def survey(plan: Plan, rule: PruneRule, heads: Callable[[], Mapping[str, str]], world: ArtifactsWorld) -> list[Verdict]:
    """Say of each stored package of the plan whether it goes.

    `heads` is asked after the packages: that of a branch which was pushed in between would else be of one that is gone.
    Raises `ConfigurationError` for a remote without any branch or tag, to which every package would be of no use.
    """
    packages = list_packages(plan, world)
    found = heads()
    if not found:
        raise ConfigurationError(
            "the remote `origin` has neither a branch nor a tag",
            detail="expected: those of the project whose packages these are",
            hint="run this in a checkout of that project",
        )
    return judge(packages, rule, found, world.now())


def judge(packages: Sequence[StoredPackage], rule: PruneRule, heads: Mapping[str, str], now: datetime) -> list[Verdict]:
    """Say of each package whether it goes. `heads` are all branches and tags by full name, with their commits.

    What a running build writes stays, and so does what a branch or tag needs that is still there: the newest whole
    package of each that was built for it, and every package of the commit it points to, because a package may be
    taken again for another ref of the same commit. What a build has stored that did not succeed cannot come home, so it
    is the newest of nothing.
    """
    names = {name.split("/", 2)[2] for name in heads}
    commits = set(heads.values())
    newest = _newest_of_refs(packages)
    return [_verdict(package, rule, names, commits, newest, now) for package in packages]


def prune(verdicts: Sequence[Verdict], plan: Plan, world: ArtifactsWorld) -> int:
    """Delete the packages that go, each without its manifest before anything else, and return the freed bytes.

    A package without a manifest is none: whoever comes in between finds it gone, never half of it.
    """
    freed = 0
    going: dict[str, list[StoredPackage]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.goes:
            going[verdict.package.codebuild_project].append(verdict.package)
    projects = projects_of(plan, world.codebuild) if going else {}
    for name, packages in going.items():
        shelves = world.open_shelves(projects[name].bucket, projects[name].account)
        manifests = [package.keys[MANIFEST_NAME] for package in packages if MANIFEST_NAME in package.keys]
        rest = [key for package in packages for file, key in package.keys.items() if file != MANIFEST_NAME]
        freed += shelves.erase(manifests) + shelves.erase(rest)
    return freed


def _newest_of_refs(packages: Sequence[StoredPackage]) -> set[str]:
    """Return the UUIDs of the newest whole package of each CodeBuild project and ref."""
    newest: dict[tuple[str, str], StoredPackage] = {}
    for package in packages:
        place = (package.codebuild_project, package.ref)
        good = package.whole and package.status in {"", BuildStatus.SUCCEEDED}
        if good and package.ref and (place not in newest or package.stored > newest[place].stored):
            newest[place] = package
    return {package.uuid for package in newest.values()}


def _verdict(
    package: StoredPackage,
    rule: PruneRule,
    names: Collection[str],
    commits: Collection[str],
    newest: Collection[str],
    now: datetime,
) -> Verdict:
    gone = package.ref != "" and package.ref not in names
    old = rule.older_than_days is not None and package.stored < now - timedelta(days=rule.older_than_days)
    if package.running:
        return Verdict(package, goes=False, why="its build is running")
    if package.commit in commits:
        return Verdict(package, goes=False, why="a branch or tag points to its commit")
    if package.uuid in newest and not gone:
        return Verdict(package, goes=False, why=f"the newest of {package.ref}")
    if rule.gone_refs and gone:
        return Verdict(package, goes=True, why=f"{package.ref} is gone")
    if old:
        return Verdict(package, goes=True, why=f"older than {rule.older_than_days} days")
    return Verdict(package, goes=False, why="not asked for")
