"""What postbuild has verified and what an environment has passed, noted for the other pipelines of the same commit.

Each package of a commit comes home in a pipeline of its own, and a deployment is of all of them. The notes lie where
pipelines may write and builds may not: below `handback/` of the artifact store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import MachineryError, Refused
from orchestrator.plan.model import BuildPlan
from orchestrator.plan.names import passed_key, verified_key
from orchestrator.ports import ObjectStore
from orchestrator.stages.manifest import Manifest
from orchestrator.stages.strict_json import strict_json

_LIMIT_BYTES = 64 * 1024
_ATTEMPTS = 5


class Verified(BaseModel):
    """A package as postbuild has verified it: what it is, and where exactly these bytes lie."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    package: str
    kind: str
    architecture: str
    runtime: str
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    bucket: str
    key: str
    version_id: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sha256_base64: str

    @property
    def as_variables(self) -> dict[str, str | None]:
        """The package as the Terraform module `lambda-package` takes it."""
        return {
            "architecture": self.architecture,
            "bucket": self.bucket,
            "commit": self.commit,
            "key": self.key,
            "kind": self.kind,
            "runtime": self.runtime,
            "source_code_hash": self.sha256_base64,
            "version_id": self.version_id,
        }


def verified_of(manifest: Manifest) -> Verified:
    """Return what a verified manifest says of its package."""
    return Verified.model_validate({name: getattr(manifest, name) for name in Verified.model_fields})


@dataclass(frozen=True)
class Notes:
    """The notes about one commit in the artifact store."""

    commit: str
    prefix: str
    store: ObjectStore

    def verified(self, item: BuildPlan) -> Verified | None:
        """Return the package of the commit that was verified last, None if none has come home yet."""
        stored = self.store.read_tagged(self._verified_key(item), limit_bytes=_LIMIT_BYTES)
        return None if stored is None else _parsed(stored.content, item, self.commit)

    def note_verified(self, item: BuildPlan, package: Verified) -> None:
        """Note that a package has come home; an earlier one of the same commit is replaced."""
        self._write(self._verified_key(item), package.model_dump_json().encode())

    def passed(self, item: BuildPlan, environment: str) -> str | None:
        """Return the SHA-256 of the package that passed an environment last, in hex, None if none has."""
        stored = self.store.read_tagged(self._passed_key(item, environment), limit_bytes=_LIMIT_BYTES)
        return None if stored is None else stored.content.decode("ascii", "replace")

    def note_passed(self, item: BuildPlan, environment: str, package: Verified) -> None:
        """Note that a package was deployed to an environment, and that what was looked at there was right."""
        self._write(self._passed_key(item, environment), package.sha256.encode())

    def _verified_key(self, item: BuildPlan) -> str:
        return verified_key(self.prefix, item.codebuild_project, self.commit)

    def _passed_key(self, item: BuildPlan, environment: str) -> str:
        return passed_key(self.prefix, item.codebuild_project, self.commit, environment)

    def _write(self, key: str, content: bytes) -> None:
        for _ in range(_ATTEMPTS):
            stored = self.store.read_tagged(key, limit_bytes=_LIMIT_BYTES)
            if stored is not None and stored.content == content:
                return
            if self.store.replace(key, content, tag=stored.tag if stored else None):
                return
        raise MachineryError(
            f"cannot note how the commit {self.commit} goes on",
            detail=f"observed: `{key}` was changed by somebody else {_ATTEMPTS} times",
            hint="retry the job",
        )


def complete(items: Mapping[str, BuildPlan], own: Verified, notes: Notes) -> tuple[dict[str, Verified], list[str]]:
    """Return the verified packages of a commit by name, and the names of those that have not come home yet."""
    found = {name: own if name == own.package else notes.verified(item) for name, item in items.items()}
    return (
        {name: package for name, package in found.items() if package is not None},
        [name for name, package in found.items() if package is None],
    )


def _parsed(content: bytes, item: BuildPlan, commit: str) -> Verified:
    try:
        package = Verified.model_validate(strict_json(content))
    except (ValidationError, ValueError):
        package = None
    if package is None or (package.package, package.commit) != (item.package, commit):
        raise Refused(
            f"the note about `{item.package}` is not one of ours",
            detail=f"observed: {content[:200]!a}",
            hint="find out who may write below `handback/` in the artifact store, and delete that object",
        )
    return package
