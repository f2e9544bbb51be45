"""`where: auto`: packages that need no compiler are made in the job itself, and stored where no build may write."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import MachineryError
from orchestrator.packaging.documents.manifest import deposited, manifest_bytes
from orchestrator.packaging.documents.model import Origin, Stored
from orchestrator.packaging.documents.places import MANIFEST_NAME, NAMES, PACKAGE_NAME
from orchestrator.plan.model import BuildPlan
from orchestrator.plan.names import AssembledId, assembled_key
from orchestrator.ports import Maker, Narrator, ObjectStore, Pipelines
from orchestrator.records import MadePackage, NotMade, Snapshot
from orchestrator.vocabulary import Kind, Where

_LIMIT_OF_REASONS = 20


@dataclass(frozen=True)
class Workshop:
    """What making a package here touches. `pipelines` is None outside of a GitLab job: what is made stays there.

    In a job whose own pipeline goes on with the package, `pipelines` is a `ThisPipeline`. `new_uuid` gives a fresh
    UUID. `kept` is the folder for packages that stay.
    """

    maker: Maker
    pipelines: Pipelines | None
    new_uuid: Callable[[], str]
    narrate: Narrator
    kept: Path


class ThisPipeline:
    """Stands for the pipelines of the project where this very one goes on with the package: `return: wait`."""

    def start(self, ref: str, build_id: str) -> str:  # noqa: ARG002 - it is a port
        """Start nothing, and so return no address."""
        return ""


@dataclass(frozen=True)
class HomeMade:
    """A package that was made here: the id that travels, empty if it stays here, and the pipeline it has started."""

    build_id: str = ""
    url: str = ""


def may_be_made_here(item: BuildPlan) -> bool:
    """Tell whether somebody has asked for it; own commands always run in CodeBuild."""
    return item.where is Where.AUTO and item.kind is not Kind.CUSTOM


def make_here(
    item: BuildPlan,
    prefix: str,
    origin: Origin,
    snapshot: Snapshot,
    workshop: Workshop,
    store: Callable[[], ObjectStore],
    folder: Path,
) -> HomeMade | None:
    """Make a package, store it, and start the pipeline that takes it home; None if CodeBuild has to do it.

    Outside of a GitLab job it is copied to `workshop.kept`, and nobody is told.
    """
    travels = workshop.pipelines is not None
    name = AssembledId(item.codebuild_project, origin.commit, workshop.new_uuid())
    own = replace(origin, build_id=name.build_id) if travels else origin
    made = workshop.maker.make(item, snapshot, own, folder)
    if isinstance(made, NotMade):
        _say_why(item, made, workshop.narrate)
        return None
    workshop.narrate(f"made `{item.package}` for {item.target} in this job: nothing has to be compiled")
    if workshop.pipelines is None:
        _keep(made, workshop.kept / item.package, workshop.narrate)
        return HomeMade()
    whole = _store(made, prefix, name, store())
    url = workshop.pipelines.start(origin.ref, str(whole))
    if url:
        workshop.narrate(f"started the pipeline {url}")
    return HomeMade(str(whole), url)


def _say_why(item: BuildPlan, outcome: NotMade, narrate: Narrator) -> None:
    shown = list(outcome.reasons[:_LIMIT_OF_REASONS])
    if len(outcome.reasons) > len(shown):
        shown.append(f"and {len(outcome.reasons) - len(shown)} more")
    narrate("\n  ".join([f"`{item.package}` goes to CodeBuild:", *shown]))


def _store(made: MadePackage, prefix: str, name: AssembledId, store: ObjectStore) -> AssembledId:
    """Store package, documents and then the manifest; return the id with the manifest's digest in it."""
    keys = {key: assembled_key(prefix, name, NAMES[key]) for key in made.documents}
    package = assembled_key(prefix, name, PACKAGE_NAME)
    store.put_new(package, made.package, sha256=made.manifest["sha256"])
    for key, path in made.documents.items():
        store.put_new(keys[key], path, sha256=made.manifest[f"{key}_sha256"])
    place = Stored(store.bucket, package, None, keys["sbom"], keys["provenance"], keys.get("lock"))
    content = manifest_bytes(deposited(made.manifest, place))
    digest = hashlib.sha256(content).hexdigest()
    store.put_new(assembled_key(prefix, name, MANIFEST_NAME), content, sha256=digest)
    return replace(name, manifest_sha256=digest)


def _keep(made: MadePackage, folder: Path, narrate: Narrator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names: Mapping[Path, str] = {
        made.package: PACKAGE_NAME,
        **{path: NAMES[key] for key, path in made.documents.items()},
    }
    try:
        for path, name in names.items():
            shutil.copyfile(path, folder / f".{name}.part")
            (folder / f".{name}.part").replace(folder / name)
        (folder / f".{MANIFEST_NAME}.part").write_bytes(manifest_bytes(made.manifest))
        (folder / f".{MANIFEST_NAME}.part").replace(folder / MANIFEST_NAME)
    except OSError as error:
        raise MachineryError(f"cannot write to `{folder}`", detail=str(error), hint="free some disk space") from error
    narrate(f"{folder / PACKAGE_NAME}: {made.manifest['size_bytes']} bytes, sha256 {made.manifest['sha256']}")
