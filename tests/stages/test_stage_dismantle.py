"""dismantle: what becomes of the packages in a bucket that prebuild has made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from orchestrator.errors import Refused, Superseded
from orchestrator.plan.model import RenderedRoot
from orchestrator.stages.dismantle import DismantleWorld, dismantle
from orchestrator.stages.leftover import Packages

OWN = {"artifact_store": {"bucket": "demo-1-eu", "managed": True}}
ROOT: Any = object()


class Town:
    """A state, a bucket, and what was done to them in its order."""

    def __init__(self, outputs: Mapping[str, Any], stored: Sequence[str] = ()) -> None:
        self.said, self.stored = outputs, list(stored)
        self.done: list[Any] = []

    def outputs(self, root: RenderedRoot) -> Mapping[str, Any]:
        return self.said

    def destroy(self, root: RenderedRoot, targets: Sequence[str], agree: Callable[[Sequence[str]], None]) -> None:
        agree(["plan: 2 to delete"])
        self.done.append(("destroy", *targets))

    def keys(self, bucket: str) -> Sequence[str]:
        assert bucket == "demo-1-eu"
        return self.stored

    def empty(self, bucket: str) -> int:
        self.done.append(("empty", bucket))
        self.stored.clear()
        return 0

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody may call {name}")

    def take(self, packages: Packages, agree: Callable[[Sequence[str]], None] = lambda _changes: None) -> str:
        """Take the project away."""
        return dismantle(ROOT, DismantleWorld(self, lambda: self), packages=packages, agree=agree)


@pytest.mark.parametrize(
    "outputs", [{}, {"artifact_store": {"bucket": "theirs", "managed": False}}], ids=["none", "no"]
)
@pytest.mark.parametrize("packages", list(Packages), ids=lambda said: said.name)
def test_a_bucket_of_somebody_else_is_not_looked_at(outputs: Mapping[str, Any], packages: Packages) -> None:
    """Packages in a shared bucket are none of this command's business, whatever is said."""
    town = Town(outputs, ["demo/package.zip"])
    assert town.take(packages) == ""
    assert town.done == [("destroy",)]


def test_nothing_goes_until_somebody_has_said_what_becomes_of_the_packages() -> None:
    """A bucket with packages is refused before anything is changed, with both ways to go on."""
    town = Town(OWN, ["builds/package.zip", "builds/manifest.json"])
    with pytest.raises(Refused, match="2 objects") as caught:
        town.take(Packages.ASK)
    assert "--keep-artifacts" in caught.value.hint
    assert "--delete-artifacts" in caught.value.hint
    assert town.done == []


def test_packages_stay_with_their_bucket() -> None:
    """Everything else goes, and it is told what stays."""
    town = Town(OWN, ["builds/package.zip"])
    assert "`demo-1-eu` with 1 object" in town.take(Packages.KEEP)
    assert town.done == [("destroy", "module.build_project", "module.handback")]
    assert town.stored


def test_packages_go_after_they_were_shown_and_agreed_to() -> None:
    """The bucket is emptied between the yes and Terraform, which can only remove an empty one; a no changes nothing."""
    town, shown = Town(OWN, ["builds/package.zip"]), []
    assert town.take(Packages.DELETE, shown.extend) == ""
    assert shown == ["plan: 2 to delete", "  delete 1 object of `demo-1-eu`"]
    assert town.done == [("empty", "demo-1-eu"), ("destroy",)]

    def no(_changes: Sequence[str]) -> None:
        raise Superseded("no")

    town = Town(OWN, ["builds/package.zip"])
    with pytest.raises(Superseded):
        town.take(Packages.DELETE, no)
    assert town.done == []


@pytest.mark.parametrize("packages", list(Packages), ids=lambda said: said.name)
def test_an_empty_bucket_goes_with_the_rest(packages: Packages) -> None:
    """Without packages there is nothing to say."""
    town = Town(OWN)
    assert town.take(packages) == ""
    assert town.done[-1] == ("destroy",)
