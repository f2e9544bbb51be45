"""The story of deploy: what is deployed when, what is looked at, and what stops it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from world import ACCOUNT, BUCKET, OTHER_SHA, SHA, FakeClock, FakeHistory, FakeInfrastructure, FakeStore, make

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError, Refused, Superseded
from orchestrator.plan.model import RenderedRoot
from orchestrator.records import Answer, FunctionRecord
from orchestrator.stages.belonging import Asking
from orchestrator.stages.deploy import Deployment, DeployWorld, deploy
from orchestrator.stages.verified import Notes, Verified

PLAN = make(
    "project: demo\nregion: eu-central-1\npackages:\n  common: {kind: layer, source: layer}\n  parser: {source: src}\n"
)
ITEMS = {item.package: item for item in PLAN.builds}


def verified(name: str, content: bytes = b"PK", commit: str = SHA) -> Verified:
    """Return a package as postbuild notes it."""
    digest = hashlib.sha256(content)
    return Verified(
        package=name,
        kind=str(ITEMS[name].kind),
        architecture="arm64",
        runtime="python3.12",
        commit=commit,
        bucket=BUCKET,
        key=f"artifacts/demo-{name}/{commit}/package.zip",
        version_id="v1",
        sha256=digest.hexdigest(),
        sha256_base64=base64.b64encode(digest.digest()).decode(),
    )


PARSER, COMMON = verified("parser"), verified("common", b"PK layer")


@dataclass
class FakeFunctions:
    """A Lambda that has what was deployed, unless a test says otherwise; `script` comes first."""

    record: FunctionRecord = field(
        default_factory=lambda: FunctionRecord("7", "Active", "Successful", "", "arm64", PARSER.sha256_base64)
    )
    layer: str = COMMON.sha256_base64
    answer: Answer = field(default_factory=lambda: Answer(payload='"fine"'))
    script: list[FunctionRecord] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)

    def function(self, name: str, qualifier: str) -> FunctionRecord:
        assert (name, qualifier) == ("demo-parser-test", "test")
        return self.script.pop(0) if self.script else self.record

    def layer_sha256(self, name: str, version: int) -> str:
        assert (name, version) == ("demo-common-test", 3)
        return self.layer

    def call(self, name: str, qualifier: str, event: bytes) -> Answer:
        self.events.append(event)
        return self.answer


class Environment:
    """Both packages of a commit at home, and everything around them to spoil."""

    def __init__(self) -> None:
        self.store, self.history, self.clock = FakeStore(), FakeHistory(), FakeClock()
        self.functions = FakeFunctions()
        self.said: list[str] = []
        self.deployed: dict[str, Any] = {
            "common": {"alias": None, "name": "demo-common-test", "version": "3"},
            "parser": {"alias": "test", "name": "demo-parser-test", "version": "7"},
        }
        self.terraform = FakeInfrastructure(outputs={})
        self.notes = Notes(SHA, "", self.store)
        self.notes.note_verified(ITEMS["common"], COMMON)
        self.wanted = Deployment(
            environment="test",
            after="",
            own=PARSER,
            asking=Asking(SHA, "main", "41"),
            events={"parser": b"{}"},
            render=self.render,
        )

    def render(self, packages: Mapping[str, Verified]) -> RenderedRoot:
        return RenderedRoot({name: package.key for name, package in packages.items()}, "", PLAN.state)

    def run(self, **changes: Any) -> Mapping[str, Verified]:
        self.terraform.outputs = {"deployed": self.deployed}
        world = DeployWorld(
            infrastructure=self.terraform,
            functions=self.functions,
            open_store=lambda bucket, account: self.store if account == ACCOUNT else FakeStore(),
            account=lambda: ACCOUNT,
            history=self.history,
            clock=self.clock,
            narrate=self.said.append,
        )
        return deploy(PLAN, replace(self.wanted, **changes), world)


@pytest.fixture
def environment() -> Environment:
    """Return an environment that waits for its packages."""
    return Environment()


def test_all_packages_of_the_commit_are_deployed_at_once(environment: Environment) -> None:
    """Terraform gets every package, each as it was verified, and the function is called with its event."""
    assert environment.run() == {"common": COMMON, "parser": PARSER}
    (root,) = environment.terraform.applied
    assert dict(root.files) == {"common": COMMON.key, "parser": PARSER.key}
    assert environment.functions.events == [b"{}"]
    assert any("version 7 for arm64, Active, with the verified bytes" in line for line in environment.said)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda e: e.store.objects.clear(), Superseded, "`common` of this commit has not come home yet"),
        (lambda e: setattr(e.history, "head", OTHER_SHA), Superseded, "'main' has moved on"),
        (lambda e: setattr(e.history, "head", ""), Superseded, "'main' has moved on"),
        (lambda e: setattr(e, "wanted", replace(e.wanted, after="staging")), Refused, "has not passed `staging`"),
        (
            lambda e: setattr(e, "wanted", replace(e.wanted, own=PARSER.model_copy(update={"package": "other"}))),
            ConfigurationError,
            "there is no package `other`",
        ),
        (
            lambda e: e.store.objects.update({f"handback/demo-common/{SHA}.json": b'{"package": "common"}'}),
            Refused,
            "the note about `common` is not one of ours",
        ),
        (
            lambda e: e.store.objects.update(
                {f"handback/demo-common/{SHA}.json": verified("common", commit=OTHER_SHA).model_dump_json().encode()}
            ),
            Refused,
            "the note about `common` is not one of ours",
        ),
    ],
)
def test_nothing_is_touched_before_all_is_known(
    environment: Environment, change: Any, kind: type[OrchestratorError], words: str
) -> None:
    """An older commit, half of a commit, an untested one, another project's or a forged note: Terraform never runs."""
    change(environment)
    with pytest.raises(kind, match=words):
        environment.run()
    assert environment.terraform.applied == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code_sha256": COMMON.sha256_base64}, "sha256: observed"),
        ({"version": "8"}, "version: observed '8', expected '7'"),
        ({"architecture": "x86_64"}, "architecture: observed 'x86_64', expected 'arm64'"),
    ],
)
def test_what_runs_is_compared_with_what_was_verified(
    environment: Environment, changes: dict[str, Any], words: str
) -> None:
    """Other bytes, another version or another processor behind the alias end with 5, and nothing has passed."""
    environment.functions.record = replace(environment.functions.record, **changes)
    with pytest.raises(Refused, match="the alias `test` of `demo-parser-test` is not what was verified") as caught:
        environment.run()
    assert words in caught.value.detail
    assert environment.notes.passed(ITEMS["parser"], "test") is None


def test_an_alias_of_another_environment_is_noticed(environment: Environment) -> None:
    """A root that deploys production while test was asked for does not pass as a test."""
    with pytest.raises(Refused, match="the alias `test` of `demo-parser-test` is not what was verified"):
        environment.run(environment="production", events=None)


def test_a_layer_with_other_bytes_is_noticed(environment: Environment) -> None:
    """The version of the layer has the bytes that were verified."""
    environment.functions.layer = PARSER.sha256_base64
    with pytest.raises(Refused, match="version 3 of the layer `demo-common-test`"):
        environment.run()


@pytest.mark.parametrize(
    "deployed",
    [None, "text", {"parser": {"alias": "test", "name": "x", "version": "1"}}, {"common": {}, "parser": {}}, {"x": 1}],
)
def test_a_root_that_does_not_say_what_it_deployed_is_explained(environment: Environment, deployed: Any) -> None:
    """Whatever the output is, the message shows how to write it."""
    environment.deployed = deployed
    with pytest.raises(ConfigurationError, match="output `deployed`") as caught:
        environment.run()
    assert "module.<module>.deployed" in caught.value.hint


def test_a_function_that_is_not_ready_is_waited_for(environment: Environment) -> None:
    """Lambda makes a function ready in its own time; one that it cannot make ready, or not in time, ends with 3."""
    ready = environment.functions.record
    environment.functions.script = [replace(ready, state="Pending"), replace(ready, update="InProgress")]
    environment.run()
    assert environment.clock.now > 0
    environment.functions.script = [replace(ready, state="Failed", reason="no such key")]
    with pytest.raises(MachineryError, match="could not make") as caught:
        environment.run()
    assert "no such key" in caught.value.detail
    environment.functions.record = replace(ready, state="Pending")
    with pytest.raises(MachineryError, match="not ready after"):
        environment.run()


def test_a_function_that_fails_has_not_passed(environment: Environment) -> None:
    """The error and the end of the log are told, with exit 1, and production stays closed."""
    environment.functions.answer = Answer(
        payload='{"errorMessage": "No module"}', failed=True, log="one\ntwo\x1b[31m\n"
    )
    with pytest.raises(BuildFailed, match="`demo-parser-test:test` failed when it was called") as caught:
        environment.run()
    assert "No module" in caught.value.detail
    assert caught.value.detail.endswith("one\ntwo")
    with pytest.raises(Refused, match="has not passed `test`"):
        environment.run(environment="production", after="test")


@pytest.mark.parametrize(
    ("events", "answer", "words"),
    [
        ({}, Answer(), "parser: not called, because there is no events/parser.json"),
        ({"parser": b"{}"}, Answer(not_run="the wrong machine"), "parser: not called: the wrong machine"),
    ],
)
def test_a_function_that_was_not_called_is_said_to_be(
    environment: Environment, events: dict[str, bytes], answer: Answer, words: str
) -> None:
    """Nobody takes a function that was only looked at for one that has worked."""
    environment.functions.answer = answer
    environment.run(events=events)
    assert words in environment.said


def test_production_gets_the_packages_that_passed_the_test(environment: Environment) -> None:
    """What has passed may go on; a package that was built anew since may not, whoever presses the button."""
    environment.run()
    environment.run(after="test", events=None)
    other = verified("parser", b"PK again")
    with pytest.raises(Refused, match="`parser` has not passed `test`"):
        environment.run(own=other, after="test", events=None)


def test_at_a_terminal_the_head_is_not_asked_for(environment: Environment) -> None:
    """A person may deploy the commit that is checked out."""
    environment.history.head = OTHER_SHA
    environment.run(asking=Asking(SHA, "main", ""))
    assert environment.history.asked == []
