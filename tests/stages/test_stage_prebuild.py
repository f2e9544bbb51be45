"""The story of prebuild."""

from __future__ import annotations

from typing import Any

import pytest
from world import ACCOUNT, BUCKET, DIGEST, FakeCodeBuild, FakeInfrastructure, FakeParameters, FakeStore, make, project

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.plan.model import RenderedRoot
from orchestrator.stages.prebuild import PrebuildWorld, prebuild

PLAN = make()
ROOT = RenderedRoot(files={}, settings_digest=DIGEST, state=PLAN.state)


def world(**changes: Any) -> PrebuildWorld:
    """Return a world in which nothing has been applied yet."""
    store = FakeStore()
    parts: dict[str, Any] = {
        "codebuild": FakeCodeBuild(),
        "parameters": FakeParameters(),
        "infrastructure": FakeInfrastructure(),
        "open_store": lambda bucket, account: store,
        "account": lambda: ACCOUNT,
        "narrate": lambda line: None,
    }
    return PrebuildWorld(**{**parts, **changes})


def test_first_time_applies_and_stores_the_tool() -> None:
    """The first prebuild applies the plan and leaves the build tool where builds fetch it."""
    store = FakeStore()
    here = world(open_store=lambda bucket, account: store)
    done = prebuild(PLAN, ROOT, b"tool", here)
    assert done.applied
    assert (done.bucket, done.account) == (BUCKET, ACCOUNT)
    assert store.objects == {f"tools/{'a' * 64}.pyz": b"tool"}


def test_unchanged_settings_run_no_terraform() -> None:
    """When exactly these settings are applied already, Terraform is not run."""
    infrastructure = FakeInfrastructure()
    here = world(codebuild=FakeCodeBuild(known={"demo-parser": project("demo-parser")}), infrastructure=infrastructure)
    assert not prebuild(PLAN, ROOT, b"tool", here).applied
    assert infrastructure.applied == []


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {}},
        {"tags": {"orchestrator-settings-digest": "e" * 64}},
        {"variables": {}},
    ],
    ids=["made by hand", "other settings", "no bucket"],
)
def test_anything_else_is_applied_again(changes: dict[str, Any]) -> None:
    """A project that is not exactly what the plan says is applied again."""
    infrastructure = FakeInfrastructure()
    known = {"demo-parser": project("demo-parser", **changes)}
    prebuild(PLAN, ROOT, b"tool", world(codebuild=FakeCodeBuild(known=known), infrastructure=infrastructure))
    assert infrastructure.applied == [ROOT]


def test_missing_trigger_token_is_found_before_anything_is_made() -> None:
    """Without the trigger token nothing is applied, and the message says how to store it."""
    infrastructure = FakeInfrastructure()
    here = world(parameters=FakeParameters(absent=["/gitlab/trigger/demo"]), infrastructure=infrastructure)
    with pytest.raises(ConfigurationError, match="/gitlab/trigger/demo") as caught:
        prebuild(PLAN, ROOT, b"tool", here)
    assert "put-parameter" in caught.value.hint
    assert infrastructure.applied == []


def test_the_token_of_the_function_must_exist_too() -> None:
    """With `return: event` no build reads the trigger token, and prebuild still finds that it is missing."""
    plan = make("project: demo\nregion: eu-central-1\nreturn: event\npackages: {parser: {}}\n")
    assert plan.build_parameters == []
    with pytest.raises(ConfigurationError, match="/gitlab/trigger/demo"):
        prebuild(plan, ROOT, b"tool", world(parameters=FakeParameters(absent=["/gitlab/trigger/demo"])))


def test_a_given_bucket_is_looked_at_before_anything_is_made() -> None:
    """A bucket that is not ours stops prebuild before Terraform builds on it."""
    plan = make("project: demo\nregion: eu-central-1\npackages: {parser: {}}\nartifacts: {bucket: somebody-elses}\n")
    infrastructure = FakeInfrastructure()

    def open_store(bucket: str, account: str) -> FakeStore:
        raise ConfigurationError(f"{bucket} {account}", hint="correct it")

    with pytest.raises(ConfigurationError, match=f"somebody-elses {ACCOUNT}"):
        prebuild(plan, ROOT, b"tool", world(open_store=open_store, infrastructure=infrastructure))
    assert infrastructure.applied == []


def test_terraform_without_outputs_is_not_success() -> None:
    """An apply that gives no project ends as a machinery failure, not as done."""
    with pytest.raises(MachineryError):
        prebuild(PLAN, ROOT, b"tool", world(infrastructure=FakeInfrastructure(outputs={})))


def test_a_bucket_that_somebody_deleted_is_made_again() -> None:
    """When the settings are applied but the bucket is gone, Terraform runs: the stage can always be repeated."""
    infrastructure = FakeInfrastructure()
    store = FakeStore()

    def open_store(bucket: str, account: str) -> FakeStore:
        if not infrastructure.applied:
            raise ConfigurationError("the bucket is gone", hint="prebuild")
        return store

    known = {"demo-parser": project("demo-parser")}
    here = world(codebuild=FakeCodeBuild(known=known), infrastructure=infrastructure, open_store=open_store)
    assert prebuild(PLAN, ROOT, b"tool", here).applied
    assert store.objects
