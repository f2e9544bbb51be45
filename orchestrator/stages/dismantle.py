"""dismantle: what prebuild has made goes, and packages in a bucket of its own only when somebody says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.plan.model import RenderedRoot
from orchestrator.platform_ports import Buckets
from orchestrator.stages.leftover import Packages, counted, keeps

# Everything but the bucket, by Terraform's address.
_ALL_BUT_PACKAGES = ("module.build_project", "module.handback")


class Dismantling(Protocol):
    """Terraform, for a root that is taken away."""

    def outputs(self, root: RenderedRoot) -> Mapping[str, Any]:
        """Return what the state of the root says; nothing if it is empty."""
        ...

    def destroy(self, root: RenderedRoot, targets: Sequence[str], agree: Callable[[Sequence[str]], None]) -> None:
        """Plan the end of the targets, of everything without any, show it to `agree`, and do exactly that."""
        ...


@dataclass(frozen=True)
class DismantleWorld:
    """What `dismantle` touches. `buckets` is called when the state knows of a bucket that prebuild has made."""

    infrastructure: Dismantling
    buckets: Callable[[], Buckets]


def dismantle(
    root: RenderedRoot, world: DismantleWorld, *, packages: Packages, agree: Callable[[Sequence[str]], None]
) -> str:
    """Take the project away; `agree` sees what goes, and raises when that is not wanted. Return what stays, or nothing.

    A bucket that prebuild has made goes, too. Raises `Refused` when that is not empty and nobody has said what becomes
    of the packages; nothing was changed then. An interrupted one is finished by the next.
    """
    store = world.infrastructure.outputs(root).get("artifact_store") or {}
    if not store.get("managed"):
        world.infrastructure.destroy(root, (), agree)
        return ""
    buckets, bucket = world.buckets(), str(store["bucket"])
    stored = buckets.keys(bucket)
    if keeps(bucket, stored, packages):
        world.infrastructure.destroy(root, _ALL_BUT_PACKAGES, agree)
        return f"`{bucket}` with {counted(stored)}, and the state, which knows of it"

    def agreed(changes: Sequence[str]) -> None:
        agree([*changes, *([f"  delete {counted(stored)} of `{bucket}`"] if stored else [])])
        buckets.empty(bucket)

    world.infrastructure.destroy(root, (), agreed)
    return ""
