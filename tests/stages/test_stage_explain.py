"""Why a build was run: the reason that `build` had when it was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from world import BUCKET, DIGEST, OTHER_SHA, SHA, FakeStore, deliver, make, project, record

from orchestrator.plan.digest import marker
from orchestrator.records import BuildRecord
from orchestrator.render.explanation import explanation_json, explanation_text
from orchestrator.stages.explain import Explanation, History, explain
from orchestrator.stages.manifest import Manifest, parse_manifest

ITEM = replace(make().builds[0], requirements="requirements.txt")
NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
UUIDS = [f"0000000{number}-4b5a-6978-8796-a5b4c3d2e1f0" for number in range(4)]


def built(number: int, *, settings: str = DIGEST, commit: str = SHA, **changes: Any) -> BuildRecord:
    """Return a build of the commit that was started `number` hours ago and ran for ten minutes."""
    start = NOW - timedelta(hours=number)
    variables = {
        "ORCHESTRATOR_COMMIT_SHA": commit,
        "ORCHESTRATOR_REF": "main",
        "ORCHESTRATOR_MARKER": marker("demo-parser", commit, settings),
        "ORCHESTRATOR_SNAPSHOT_SHA256": f"tar of {commit}",
        **changes.pop("variables", {}),
    }
    plain = record(
        id=f"demo-parser:{UUIDS[number]}",
        variables=variables,
        started=start,
        ended=start + timedelta(minutes=10),
        exported={"ORCHESTRATOR_MANIFEST_SHA256": "e" * 64},
    )
    return replace(plain, **changes)


def manifest(one: BuildRecord, **inputs: str) -> Manifest:
    """Return the manifest of a build with what shaped its package."""
    store = FakeStore(bucket=BUCKET)
    deliver(store, one, inputs={"tool": "t", "application": "a", **inputs})
    (content,) = (content for key, content in store.objects.items() if key.endswith("manifest.json"))
    return parse_manifest(content)


def why(*builds: BuildRecord, item: object = ITEM, stored: Mapping[str, Manifest] | None = None) -> Explanation:
    """Explain the newest of the builds."""
    packages = {one.id: manifest(one) for one in builds} if stored is None else stored
    history = History(builds, project("demo-parser"), lambda one: packages.get(one.id))
    return explain(builds[0], item, history)  # type: ignore[arg-type]


RUNNING: dict[str, Any] = {"status": "IN_PROGRESS", "complete": False, "ended": None}
LOCKED = replace(ITEM, requirements="pylock.toml")


@pytest.mark.parametrize(
    ("builds", "item", "words", "differing"),
    [
        ([built(0)], ITEM, "the first build", []),
        ([built(0), built(1, commit=OTHER_SHA)], ITEM, "no build of this commit", ["commit"]),
        ([built(0), built(1, settings="old")], ITEM, "with other settings", ["settings"]),
        (
            [built(0), built(1, variables={"ORCHESTRATOR_SNAPSHOT_SHA256": "another"})],
            ITEM,
            "another archive",
            ["snapshot"],
        ),
        ([built(0), built(1, status="FAILED", exported={})], ITEM, "ended FAILED: there was no package", []),
        ([built(0), built(1, **RUNNING)], ITEM, "still building the same", []),
        (
            [built(0), built(1, **RUNNING, exported={}, variables={"ORCHESTRATOR_REF": "feature"})],
            ITEM,
            "a running build serves one ref only",
            [],
        ),
        ([built(0), built(1)], replace(ITEM, reuse_hours=0), "`reuse_hours: 0`", []),
        ([built(0), built(3)], replace(ITEM, reuse_hours=1), "more than `reuse_hours: 1` before", []),
        ([built(0), built(3)], replace(LOCKED, reuse_hours=1), "a new build was asked for", []),
        ([built(0), built(1)], replace(ITEM, reuse_hours=24), "a new build was asked for", []),
    ],
    ids=[
        "first",
        "commit",
        "settings",
        "archive",
        "failed",
        "running",
        "another ref",
        "never reused",
        "too old",
        "locked",
        "fresh",
    ],
)
def test_each_reason_has_its_words(builds: list[BuildRecord], item: object, words: str, differing: list[str]) -> None:
    """Each rule by which `build` starts a new build is named, with the inputs that differ."""
    found = why(*builds, item=item)
    assert words in found.reasons[0]
    assert [difference.name for difference in found.differences] == differing


def test_a_package_that_is_gone_is_a_reason() -> None:
    """What expired or was pruned could not be taken again."""
    found = why(built(0), built(1), stored={})
    assert "not stored any more" in found.reasons[0]
    assert not found.manifests


def test_what_shaped_the_packages_is_compared_where_both_are_stored() -> None:
    """Inputs of the two manifests that differ stand below those that were asked for."""
    new, old = built(0), built(1, commit=OTHER_SHA)
    stored = {new.id: manifest(new, application="b"), old.id: manifest(replace(old, variables=new.variables))}
    found = why(new, old, stored=stored)
    assert found.manifests
    assert [(one.name, one.before, one.after) for one in found.differences][1:] == [("application", "a", "b")]


def test_the_comparable_build_is_of_the_commit_or_else_of_the_ref() -> None:
    """A build of the same commit is compared first, then the newest success of the ref, then whatever there is."""
    elsewhere = {"ORCHESTRATOR_REF": "feature"}
    same = built(3, settings="old", variables=elsewhere)
    of_ref = built(2, commit=OTHER_SHA)
    other = built(1, commit=OTHER_SHA, variables=elsewhere)
    assert why(built(0), other, of_ref, same).compared == same
    assert why(built(0), other, of_ref).compared == of_ref
    assert why(built(0), other).compared == other


def test_a_build_that_is_not_listed_any_more_is_compared_by_time() -> None:
    """Of a build further back than the list, only what began before it counts."""
    history = History([built(0), built(2)], project("demo-parser"), lambda _: None)
    found = explain(built(1), ITEM, history)
    assert found.compared == built(2)


def test_hostile_words_reach_no_terminal() -> None:
    """Refs and inputs of manifests are text of others."""
    evil = {"ORCHESTRATOR_REF": "\x1b[2Jmain\nwhy: nothing"}
    found = why(built(0, variables=evil), built(1, commit=OTHER_SHA))
    rows = [(one.name, one.before, one.after) for one in found.differences]
    text = explanation_text(found.build, found.reasons, found.compared, rows, manifests=found.manifests)
    assert "\x1b" not in text
    assert text.count("\nwhy: ") == 1
    assert json.dumps(explanation_json(found.build, found.reasons, found.compared, rows, manifests=True))
