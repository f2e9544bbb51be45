"""Who starts a build decides nothing about it but its commit: every override that IAM is told of is denied."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from iam import allows, listed, statements
from planned import LONG, REGION, ROLES_MODULE
from world import ACCOUNT, DIGEST, SHA, UUID, FakeCodeBuild, FakeGit, FakeMaker, FakeStatus, FakeStore, make, project

from orchestrator.stages.assembled import Workshop
from orchestrator.stages.build import BuildWorld, Request, build

PROJECT = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{LONG}-parser"

# How the members of a request are told to IAM: the keys of the Service Authorization Reference that tell of each.
# An empty tuple is a member that no documented key tells of; docs/terraform.md says why that is bearable.
KEYS: dict[str, tuple[str, ...]] = {
    "artifactsOverride": ("artifacts",),
    "autoRetryLimitOverride": ("autoRetryLimit",),
    "buildStatusConfigOverride": ("source.buildStatusConfig.context", "source.buildStatusConfig.targetUrl"),
    "buildspecOverride": ("source.buildspec",),
    "cacheOverride": ("cache",),
    "certificateOverride": ("environment.certificate",),
    "computeTypeOverride": ("environment.computeType",),
    "debugSessionEnabled": (),
    "encryptionKeyOverride": ("encryptionKey",),
    "fleetOverride": ("environment.fleet.fleetArn",),
    "gitCloneDepthOverride": (),
    "gitSubmodulesConfigOverride": (),
    "hostKernelOverride": (),
    "imageOverride": ("environment.image",),
    "imagePullCredentialsTypeOverride": ("environment.imagePullCredentialsType",),
    "insecureSslOverride": ("source.insecureSsl",),
    "logsConfigOverride": ("logsConfig",),
    "privilegedModeOverride": ("environment.privilegedMode",),
    "queuedTimeoutInMinutesOverride": (),
    "registryCredentialOverride": ("environment.registryCredential",),
    "reportBuildStatusOverride": (),
    "secondaryArtifactsOverride": ("secondaryArtifacts",),
    "secondarySourcesOverride": ("secondarySources",),
    "secondarySourcesVersionOverride": (),
    "serviceRoleOverride": ("serviceRole",),
    "sourceAuthOverride": ("source.auth.resource", "source.auth.type"),
    "sourceLocationOverride": ("source.location",),
    "sourceTypeOverride": (),
    "sourceVersion": (),
    "timeoutInMinutesOverride": (),
    "environmentTypeOverride": ("environment.type",),
}
SENT = {"projectName", "environmentVariablesOverride", "idempotencyToken"}
NAMES = "codebuild:environment.environmentVariables.name"


def sent_variables(folder: Path) -> tuple[str, ...]:
    """Return the names of the variables that the stage `build` starts a build with."""
    codebuild, store = FakeCodeBuild(known={"demo-parser": project("demo-parser")}), FakeStore()
    world = BuildWorld(
        codebuild=codebuild,
        git=FakeGit(),
        open_store=lambda bucket, account: store,
        status=FakeStatus(),
        narrate=lambda line: None,
        record=lambda started: None,
        workshop=Workshop(FakeMaker(), None, lambda: UUID, lambda line: None, folder / "kept"),
    )
    build(make(), DIGEST, Request(commit=SHA, ref="main", pipeline_id="99"), world, folder)
    return tuple(codebuild.started[0][1])


def test_a_build_can_be_started_as_the_program_starts_it(start: str, tmp_path: Path) -> None:
    """The variables that `orchestrator build` sends are allowed, all of them, and not one more."""
    sent = sent_variables(tmp_path)
    assert allows(start, "codebuild:StartBuild", PROJECT, {NAMES: sent})
    assert not allows(start, "codebuild:StartBuild", PROJECT.replace(LONG, "neighbour"), {NAMES: sent})
    assert not allows(start, "codebuild:StartBuild", PROJECT, {NAMES: (*sent, "PATH")})


@pytest.mark.parametrize("member", sorted(member for member in KEYS if KEYS[member]))
def test_no_override_is_allowed(start: str, member: str) -> None:
    """Image, role, buildspec, privileges and whatever else IAM is told of cannot be changed for a build."""
    for key in KEYS[member]:
        assert not allows(start, "codebuild:StartBuild", PROJECT, {f"codebuild:{key}": "anything"})


def test_what_cannot_be_denied_is_told() -> None:
    """The documentation names every member of a request that IAM is not told of."""
    page = (ROLES_MODULE.parents[2] / "docs" / "terraform.md").read_text("utf-8")
    told = page.split("No condition key is documented for ")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", told)) >= {member for member in KEYS if not KEYS[member]}


def test_every_member_of_a_request_was_thought_of(start: str) -> None:
    """A member that a newer botocore knows is looked up, not forgotten; each key that is denied is listed here."""
    shape: Any = botocore.session.get_session().get_service_model("codebuild").operation_model("StartBuild").input_shape
    assert set(shape.members) <= {*KEYS, *SENT}
    denied = {
        key.removeprefix("codebuild:")
        for one in statements(start)
        if one["Effect"] == "Deny"
        for tests in one["Condition"].values()
        for key in tests
    }
    assert denied - {"environment.environmentVariables.name", "source"} == {
        key for keys in KEYS.values() for key in keys
    }
    denies = [one for one in statements(start) if one["Effect"] == "Deny"]
    assert all(listed(one["Action"]) == ["codebuild:StartBuild"] for one in denies)
