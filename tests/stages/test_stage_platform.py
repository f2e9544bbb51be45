"""The story of `orchestrator platform`: what is looked at first, what is refused, and where it may be interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from orchestrator.config.load import parse_file
from orchestrator.config.platform_file import PLATFORM
from orchestrator.errors import ConfigurationError, Refused
from orchestrator.plan.model import RenderedRoot, StatePlan
from orchestrator.plan.platform import STATE_KEY, Account, plan_platform
from orchestrator.platform_ports import Provider, TrustingRole
from orchestrator.records import ProjectRecord
from orchestrator.render.platform import PROVIDER, STATE_BUCKET
from orchestrator.stages.platform import PlatformWorld, apply, preview
from orchestrator.stages.platform_destroy import Packages, destroy
from orchestrator.vocabulary import StateBackend

PLAN = plan_platform(
    parse_file("region: eu-central-1\nprojects: {shop/feed: {name: feed}}\n", "platform.yml", {}, PLATFORM),
    Account("123456789012", "aws"),
)
OURS = Provider(("https://gitlab.com",), {"orchestrator-platform": "eu-central-1"})
THEIRS = Provider(("https://gitlab.com",), {})
STATE = json.dumps({"version": 4, "resources": []}).encode()


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Town:
    """An account and Terraform, in memory; `killed_at` is the number of the change that never happens."""

    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    provider_found: Provider | None = None
    roles: Sequence[TrustingRole] = ()
    projects: Sequence[ProjectRecord] = ()
    roots: list[RenderedRoot] = field(default_factory=list)
    targets: list[Sequence[str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    killed_at: int = -1
    changes: int = 0

    @property
    def world(self) -> PlatformWorld:
        """The same as the story takes it."""
        return PlatformWorld(buckets=self, view=self, infrastructure=Terraform(self), narrate=self.said.append)

    def change(self) -> None:
        """Count one change of the account, or end before it."""
        if self.changes == self.killed_at:
            raise Killed
        self.changes += 1

    def exists(self, bucket: str) -> bool:
        if bucket in self.foreign:
            raise Refused("not ours")
        return bucket in self.buckets

    def make(self, bucket: str) -> None:
        self.change()
        self.buckets.setdefault(bucket, {})

    def keys(self, bucket: str) -> Sequence[str]:
        return list(self.buckets.get(bucket, {}))

    def read(self, bucket: str, key: str) -> bytes | None:
        return self.buckets[bucket].get(key)

    def empty(self, bucket: str) -> int:
        self.change()
        count = len(self.buckets[bucket])
        self.buckets[bucket].clear()
        return count

    def remove(self, bucket: str) -> None:
        self.change()
        assert not self.buckets[bucket], "S3 removes no bucket that holds something"
        del self.buckets[bucket]

    def provider(self, arn: str) -> Provider | None:
        assert arn == "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
        return self.provider_found

    def roles_trusting(self, provider_arn: str) -> Sequence[TrustingRole]:
        return self.roles

    def build_projects(self) -> Sequence[ProjectRecord]:
        return self.projects


@dataclass
class Terraform:
    """Terraform as far as the story sees it: the state is an object, written before and after the work."""

    town: Town

    def preview(self, root: RenderedRoot) -> Sequence[str]:
        self.town.roots.append(root)
        return ["plan: 1 to create"]

    def apply(self, root: RenderedRoot) -> Mapping[str, Any]:
        town = self.town
        town.roots.append(root)
        bucket = str(root.state.settings["bucket"])
        town.change()
        town.buckets[bucket][STATE_KEY] = b"half"
        town.change()
        town.buckets.setdefault(PLAN.bucket, {})
        town.provider_found = town.provider_found or OURS
        town.buckets[bucket][STATE_KEY] = STATE
        return {"published": {"/orchestrator/platform/bucket": PLAN.bucket}}

    def destroy(self, root: RenderedRoot, targets: Sequence[str], agree: Callable[[Sequence[str]], None]) -> None:
        town = self.town
        town.targets.append(targets)
        agree(["plan: 1 to delete"])
        town.change()
        if "module.gitlab_oidc" in targets:
            town.provider_found = None
        town.change()
        if "module.artifact_store" in targets and PLAN.bucket in town.buckets:
            town.remove(PLAN.bucket)


def render(state: StatePlan, *, provider_managed: bool, imports: Mapping[str, str]) -> RenderedRoot:
    """Render a root that shows what it was asked for."""
    return RenderedRoot({"managed": str(provider_managed), **imports}, "d", state)


def apply_to(town: Town) -> None:
    """Apply the platform."""
    apply(PLAN, render, town.world)


def destroy_in(town: Town, packages: Packages = Packages.ASK, agree: Any = lambda changes: None) -> Sequence[str]:
    """Destroy the platform, and return what stays."""
    return destroy(PLAN, render, town.world, packages=packages, agree=agree).stays


def test_a_preview_makes_nothing() -> None:
    """Without a bucket for the state there is a plan all the same, against a state that nobody keeps."""
    town = Town()
    assert preview(PLAN, render, town.world) == ["plan: 1 to create"]
    assert (town.changes, town.roots[0].state.backend) == (0, StateBackend.LOCAL)
    assert STATE_BUCKET not in town.roots[0].files


@pytest.mark.parametrize("killed_at", range(4))
def test_an_apply_that_was_cut_off_is_finished_from_any_machine(killed_at: int) -> None:
    """Wherever it ends, the next one finds what is there in the account, and nowhere else."""
    town = Town(killed_at=killed_at)
    try:
        apply_to(town)
    except Killed:
        town.killed_at = -1
        apply_to(town)
    assert set(town.buckets) == {PLAN.bucket, PLAN.state_bucket}
    assert {root.state.settings["bucket"] for root in town.roots} == {PLAN.state_bucket}
    assert all(root.files[STATE_BUCKET] == PLAN.state_bucket for root in town.roots)


@pytest.mark.parametrize("killed_at", range(6))
@pytest.mark.parametrize("stored", [{}, {"feed/tools/x": b"x"}], ids=["empty", "packages"])
def test_a_destroy_that_was_cut_off_is_finished(killed_at: int, stored: dict[str, bytes]) -> None:
    """Wherever it ends, the next one leaves nothing."""
    town = Town()
    apply_to(town)
    town.buckets[PLAN.bucket] |= stored
    town.changes, town.killed_at = 0, killed_at
    try:
        destroy_in(town, Packages.DELETE)
    except Killed:
        town.killed_at = -1
        assert destroy_in(town, Packages.DELETE) == ()
    assert (town.buckets, town.provider_found) == ({}, None)
    assert destroy_in(town) == ()


@pytest.mark.parametrize("name", ["bucket", "state_bucket"])
def test_a_bucket_of_somebody_else_stops_before_anything_is_made(name: str) -> None:
    """A name that is taken is told while there is nothing to take back."""
    town = Town(foreign={getattr(PLAN, name)})
    with pytest.raises(Refused):
        apply_to(town)
    assert (town.changes, town.roots) == (0, [])


@pytest.mark.parametrize(
    ("found", "managed", "imported"),
    [
        (None, "True", False),
        (OURS, "True", True),
        (THEIRS, "False", False),
        (replace(OURS, tags={"orchestrator-platform": "eu-west-1"}), "False", False),
    ],
    ids=["none", "ours", "theirs", "ours of another region"],
)
def test_the_provider_of_the_account_is_used(found: Provider | None, managed: str, imported: bool) -> None:
    """An account can have one for each server: what others have made is used, what we have made is kept."""
    town = Town(provider_found=found)
    apply_to(town)
    assert (town.roots[0].files["managed"], PROVIDER in town.roots[0].files) == (managed, imported)


def test_a_provider_that_refuses_our_tokens_is_told_with_its_cure() -> None:
    """Jobs that could take no role are not a surprise of the first pipeline."""
    town = Town(provider_found=Provider(("sts.amazonaws.com",), {}))
    with pytest.raises(ConfigurationError, match=r"observed audiences: sts\.amazonaws\.com(.|\n)*add-client-id"):
        apply_to(town)
    assert town.roots == []


def built(name: str, bucket: str) -> ProjectRecord:
    """Return a CodeBuild project whose builds know a bucket."""
    return ProjectRecord(name, f"arn:aws:codebuild:eu-central-1:1:project/{name}", {}, {"ORCHESTRATOR_BUCKET": bucket})


@pytest.mark.parametrize(
    ("project", "refused"),
    [
        (built("other", PLAN.bucket), True),
        (built("feed-parser", "a-bucket-of-its-own"), True),
        (built("feeder", "a-bucket-of-its-own"), False),
    ],
)
def test_nothing_goes_while_a_project_uses_it(project: ProjectRecord, refused: bool) -> None:
    """Builds that know the bucket, or are of a project with roles here, keep the platform alive."""
    town = Town()
    apply_to(town)
    town.projects, town.changes = [project], 0
    if refused:
        with pytest.raises(Refused, match=f"CodeBuild projects: {project.name}") as caught:
            destroy_in(town)
        assert "orchestrator dismantle" in caught.value.hint  # offboard removes none of them
        assert town.changes == 0
    else:
        destroy_in(town)
        assert town.buckets == {}


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (STATE, False),
        (b'{"version": 4, "resources": [{"type": "aws_codebuild_project"}]}', True),
        (b'{"version": 4}', True),
        (b"not a state", True),
        (b"[]", True),
    ],
)
def test_states_that_describe_something_keep_their_bucket(content: bytes, refused: bool) -> None:
    """The only description of what a project has in AWS is never thrown away, nor what is none of ours."""
    town = Town()
    apply_to(town)
    town.buckets[PLAN.state_bucket]["feed/terraform.tfstate"] = content
    if refused:
        with pytest.raises(Refused, match=r"feed/terraform\.tfstate") as caught:
            destroy_in(town)
        assert "orchestrator undeploy" in caught.value.hint
        assert PLAN.state_bucket in town.buckets
    else:
        destroy_in(town)
        assert town.buckets == {}


def test_packages_go_or_stay_only_when_somebody_says_so() -> None:
    """A bucket that is not empty is refused; kept packages keep their key, and the state that knows of both."""
    town = Town()
    apply_to(town)
    town.buckets[PLAN.bucket]["feed/tools/x"] = b"x"
    with pytest.raises(Refused, match="--keep-artifacts"):
        destroy_in(town)
    assert town.targets == []
    (stays,) = destroy_in(town, Packages.KEEP)
    assert PLAN.bucket in stays
    assert PLAN.state_bucket in stays
    assert set(town.buckets) == {PLAN.bucket, PLAN.state_bucket}
    assert not [target for target in town.targets[0] if "kms" in target or "artifact" in target]


def test_a_provider_that_others_use_stays() -> None:
    """Taking away the platform of one region takes no role from the jobs of another."""
    town = Town()
    apply_to(town)
    town.roles = [
        TrustingRole("arn:aws:iam::1:role/orchestrator/feed-eu-central-1-apply", OURS.tags),
        TrustingRole("arn:aws:iam::1:role/elsewhere", {}),
    ]
    (stays,) = destroy_in(town)
    assert "role/elsewhere" in stays
    assert "feed" not in stays
    assert "module.gitlab_oidc" not in town.targets[0]
    assert town.provider_found is OURS


def test_a_no_changes_nothing() -> None:
    """What is shown before the question is what would go, and a no leaves all of it."""
    town = Town()
    apply_to(town)
    town.buckets[PLAN.bucket]["feed/tools/x"] = b"x"
    town.changes = 0
    shown: list[str] = []

    def no(changes: Sequence[str]) -> None:
        shown.extend(changes)
        raise ConfigurationError("no")

    with pytest.raises(ConfigurationError):
        destroy_in(town, Packages.DELETE, no)
    assert (shown[0], town.changes) == ("plan: 1 to delete", 0)
    assert "1 object of" in shown[1]
