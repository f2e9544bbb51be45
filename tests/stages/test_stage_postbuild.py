"""The story of postbuild: what it believes, and what it refuses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from world import (
    OTHER_SHA,
    SHA,
    UUID,
    FakeClock,
    FakeCodeBuild,
    FakeHistory,
    FakeLogs,
    FakeStatus,
    FakeStore,
    deliver,
    make,
    project,
    record,
    statement,
)

from orchestrator.errors import (
    BuildFailed,
    ConfigurationError,
    CredentialsExpired,
    Gone,
    MachineryError,
    OrchestratorError,
    Refused,
    Superseded,
)
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import artifact_key
from orchestrator.records import BuildRecord, PhaseRecord
from orchestrator.stages.delivery import Desk
from orchestrator.stages.postbuild import PostbuildWorld, postbuild

PLAN = make()
BUILD_ID = f"demo-parser:{UUID}"
NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)


def key_of(name: str) -> str:
    """Return where the build has delivered a file."""
    return artifact_key("", "demo-parser", SHA, UUID, name)


class Home:
    """A delivered build, and everything around it to spoil."""

    def __init__(self, tmp_path: Path) -> None:
        self.store = FakeStore()
        self.status = FakeStatus()
        self.clock = FakeClock()
        self.logs = FakeLogs()
        self.codebuild = FakeCodeBuild(known={"demo-parser": project("demo-parser")})
        self.history = FakeHistory()
        self.pipeline_id = ""
        self.output = tmp_path
        self.said: list[str] = []
        self.finding = ""
        self.tracked: set[str] = set()
        self.keep(deliver(self.store, record()))

    def keep(self, built: BuildRecord) -> None:
        self.codebuild.records = {built.id: built}

    def change(self, **changes: Any) -> None:
        self.keep(replace(self.codebuild.records[BUILD_ID], **changes))

    def inspect(self, package: Path, item: BuildPlan) -> Sequence[str]:
        assert package.read_bytes().startswith(b"PK")
        if self.finding:
            raise Refused(self.finding, hint="look")
        return ["warning: something small"]

    def run(self, build_id: str = BUILD_ID, commit: str = SHA, ref: str = "main", plan: Plan = PLAN) -> Any:
        world = PostbuildWorld(
            codebuild=self.codebuild,
            logs=self.logs,
            open_store=lambda bucket, account: self.store,
            status=self.status,
            history=self.history,
            pipeline_id=self.pipeline_id,
            now=lambda: NOW,
            clock=self.clock,
            desk=Desk(
                write=Path.write_bytes,
                inspect=self.inspect,
                narrate=self.said.append,
                tracked=lambda folder, names: [name for name in names if name in self.tracked],
            ),
        )
        return postbuild(plan, build_id, commit, ref, world, self.output)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a build that waits to be brought home."""
    return Home(tmp_path)


def test_a_good_build_comes_home(home: Home) -> None:
    """A verified package and its manifest are written, and the commit shows success."""
    delivered = home.run()
    assert delivered.package.read_bytes() == b"PK package"
    assert json.loads((home.output / "manifest.json").read_text())["commit"] == SHA
    assert home.status.reports == [(SHA, "success")]


def test_the_documents_come_along(home: Home) -> None:
    """SBOM, provenance and lock lie beside the package; those of an earlier one with more documents are gone."""
    home.run()
    names = {"package.zip", "manifest.json", "sbom.cdx.json", "provenance.json", "pylock.toml"}
    assert {path.name for path in home.output.iterdir()} == names
    home.keep(deliver(home.store, record(), lock_sha256=None, lock_key=None))
    home.run()
    assert {path.name for path in home.output.iterdir()} == names - {"pylock.toml"}


def test_a_manifest_of_the_first_version_still_comes_home(home: Home) -> None:
    """A package whose build knew no other documents is brought with its manifest alone, and inspected all the same."""
    absent = dict.fromkeys(("schema_version", "sbom_sha256", "provenance_sha256", "lock_sha256"), "absent")
    home.keep(deliver(home.store, record(), **absent))
    home.run()
    assert {path.name for path in home.output.iterdir()} == {"package.zip", "manifest.json"}
    assert home.said[-1] == "warning: something small"


def test_a_package_that_cannot_run_is_refused(home: Home) -> None:
    """What the inspection refuses never gets its final name, whatever the build thought of it."""
    home.finding = "the package cannot run"
    with pytest.raises(Refused, match="cannot run"):
        home.run()
    assert list(home.output.iterdir()) == []
    assert home.status.reports == [(SHA, "failed")]


ARN = record().arn
BUILDER = ARN.replace(f":build/demo-parser:{UUID}", ":project/demo-parser")
SHA256 = hashlib.sha256(b"PK package").hexdigest()


@pytest.mark.parametrize(
    "content",
    [
        statement("0" * 64, SHA, ARN, BUILDER),
        statement(SHA256, OTHER_SHA, ARN, BUILDER),
        statement(SHA256, SHA, ARN[:-1] + "f", BUILDER),
        statement(SHA256, SHA, ARN, BUILDER + "2"),
        statement(SHA256, SHA, ARN, "urn:orchestrator:builder:local-command"),
        statement(SHA256, SHA, ARN, BUILDER).replace(b"Statement/v1", b"Statement/v2"),
        b'{"predicate": []}',
        b"no JSON",
        b"null",
    ],
    ids=["package", "commit", "build", "project", "builder", "type", "shape", "text", "nothing"],
)
def test_a_provenance_of_something_else_is_refused(home: Home, content: bytes) -> None:
    """A statement about another package, commit, build or builder is refused, even if the manifest vouches for it."""
    home.keep(deliver(home.store, record(), provenance=content))
    with pytest.raises(Refused, match="provenance") as caught:
        home.run()
    assert caught.value.exit_code == 5
    assert not (home.output / "package.zip").exists()


@pytest.mark.parametrize("name", ["sbom.cdx.json", "provenance.json", "pylock.toml"])
def test_a_swapped_document_is_refused(home: Home, name: str) -> None:
    """A document that was changed after the build is refused with the package."""
    home.store.objects[key_of(name)] += b" "
    with pytest.raises(Refused, match="not what its manifest says"):
        home.run()
    assert not (home.output / "package.zip").exists()


def test_the_pipeline_that_started_the_build_gets_its_result(home: Home) -> None:
    """The result is shown in the pipeline that started the build, not in the one that the build triggered."""
    home.run()
    assert home.status.pipelines == ["99"]


def test_the_stage_can_be_repeated(home: Home) -> None:
    """Bringing a build home twice gives the same files: nothing was moved away."""
    first = home.run().package.read_bytes()
    assert home.run().package.read_bytes() == first


def test_a_build_that_still_runs_is_waited_for(home: Home) -> None:
    """The trigger is fired from inside the build, so the stage waits for its end."""
    done = home.codebuild.records[BUILD_ID]
    running = replace(done, status="IN_PROGRESS", complete=False)
    home.codebuild.script = [None, MachineryError("throttled"), running, running, done]
    assert home.run().build_id == BUILD_ID
    assert home.clock.now > 0


@pytest.mark.parametrize(
    ("status", "failure", "code"),
    [
        ("FAILED", BuildFailed, 1),
        ("TIMED_OUT", BuildFailed, 1),
        ("FAULT", MachineryError, 3),
        ("STOPPED", Superseded, 4),
        ("SOMETHING_NEW", MachineryError, 3),
    ],
)
def test_every_ending_has_its_exit_code(home: Home, status: str, failure: type[OrchestratorError], code: int) -> None:
    """Only SUCCEEDED is success, even though a package lies in the store."""
    home.change(status=status, phases=(PhaseRecord("BUILD", status, 3, "exit status 1"),))
    with pytest.raises(failure) as caught:
        home.run()
    assert caught.value.exit_code == code
    assert caught.value.hint
    assert not (home.output / "package.zip").exists()
    assert home.status.reports[-1][1] in {"failed", "canceled"}


def test_a_failure_shows_phase_and_log(home: Home) -> None:
    """A failed build tells its phase and last log lines, stripped of terminal tricks."""
    home.change(status="FAILED", phases=(PhaseRecord("INSTALL", "FAILED", 3, "exit status 127"),))
    with pytest.raises(BuildFailed) as caught:
        home.run()
    assert "INSTALL" in str(caught.value)
    assert "no such header" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_the_log_shown_is_of_the_phase_that_failed(home: Home) -> None:
    """Later phases print a lot; what is shown ends where the failed phase ended."""
    home.logs.lines = ["Entering phase BUILD", "the reason", "Phase complete: BUILD State: FAILED", *["noise"] * 100]
    home.change(status="FAILED", phases=(PhaseRecord("BUILD", "FAILED", 3), PhaseRecord("POST_BUILD", "SUCCEEDED", 1)))
    with pytest.raises(BuildFailed) as caught:
        home.run()
    assert "the reason" in caught.value.detail
    assert "noise" not in caught.value.detail


@pytest.mark.parametrize(
    ("head", "contains", "words"),
    [(None, True, ""), (OTHER_SHA, True, ""), (OTHER_SHA, False, "no longer has the commit"), ("", False, "is gone")],
    ids=["the head", "moved on", "forced another history", "deleted"],
)
def test_a_package_needs_a_ref_that_has_its_commit(home: Home, head: str | None, contains: bool, words: str) -> None:
    """A pipeline takes its own commit's package while the ref contains that commit; otherwise it ends with 4."""
    home.history, home.pipeline_id = FakeHistory(head, contains), "8"
    if words:
        with pytest.raises(Superseded, match=words) as caught:
            home.run()
        assert (caught.value.exit_code, list(home.output.iterdir())) == (4, [])
        assert f"handback/{BUILD_ID.replace(':', '/')}.json" not in home.store.objects
    else:
        assert home.run().manifest.commit == SHA
        assert any("moved on" in line for line in home.said) == (head == OTHER_SHA)
    assert home.history.asked == [("main", SHA)]


def test_a_terminal_asks_no_remote(home: Home) -> None:
    """Outside of a pipeline the commit that was named is all that counts."""
    home.history = FakeHistory("", contains=False)
    assert home.run().manifest.commit == SHA
    assert home.history.asked == []


@pytest.mark.parametrize("return_", ["trigger", "event"])
def test_a_package_is_taken_once(home: Home, return_: str) -> None:
    """A build id that is sent again, by whoever has the trigger token, ends with 4 and brings nothing."""
    text = f"project: demo\nregion: eu-central-1\nreturn: {return_}\npackages:\n  parser: {{}}\n"
    home.pipeline_id = "8"
    home.run(plan=make(text))
    home.run(plan=make(text))
    home.pipeline_id = "9"
    (home.output / "manifest.json").unlink()
    with pytest.raises(Superseded, match="come home already") as caught:
        home.run(plan=make(text))
    assert caught.value.exit_code == 4
    assert not (home.output / "manifest.json").exists()
    assert home.status.reports == [(SHA, "success")] * 2


def test_a_role_without_the_note_brings_packages_all_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `return: trigger` a role that may not use the records loses that lock, says so, and nothing else."""
    denied = ConfigurationError("cannot read `s3://x`", hint="allow it")
    monkeypatch.setattr(FakeStore, "read_tagged", lambda *_arguments, **_named: (_ for _ in ()).throw(denied))
    home.pipeline_id = "8"
    assert home.run().manifest.commit == SHA
    assert any("nobody will know" in line for line in home.said)


REUSING = (
    "project: demo\nregion: eu-central-1\n"
    "packages: {{parser: {{system_packages: [libxml2], build: {{reuse_hours: {}}}}}}}\n"
)


@pytest.mark.parametrize(
    ("changes", "hours", "refused"),
    [
        ({}, 24, False),
        ({"ended": NOW - timedelta(hours=25)}, 24, True),
        ({}, 0, True),
        ({"status": "FAILED"}, 24, True),
    ],
    ids=["reusable", "too old to reuse", "reuse is off", "failed"],
)
def test_a_build_of_another_ref_counts_only_where_it_would_be_reused(
    home: Home, changes: dict[str, Any], hours: int, refused: bool
) -> None:
    """A package of the same commit that was built for another ref is taken by the rules of `build`, or not at all."""
    home.change(ended=NOW - timedelta(hours=1))
    home.change(**changes)
    plan = make(REUSING.format(hours))
    if refused:
        with pytest.raises(Refused, match="not started for this ref") as caught:
            home.run(ref="release", plan=plan)
        assert caught.value.exit_code == 5
        assert list(home.output.iterdir()) == []
    else:
        assert home.run(ref="release", plan=plan).manifest.ref == "main"


@pytest.mark.parametrize(("days", "gone"), [(29, False), (31, True)])
def test_a_package_older_than_packages_are_kept_has_expired(home: Home, days: int, gone: bool) -> None:
    """An old good package is not brought back by its id, even if it still lies in the bucket."""
    home.change(ended=NOW - timedelta(days=days))
    plan = make("project: demo\nregion: eu-central-1\nartifacts: {retention_days: 30}\npackages:\n  parser: {}\n")
    if gone:
        with pytest.raises(Gone, match="expired") as caught:
            home.run(plan=plan)
        assert (caught.value.exit_code, SHA in caught.value.hint) == (2, True)
        assert list(home.output.iterdir()) == []
    else:
        home.run(plan=plan)


@pytest.mark.parametrize("name", ["manifest.json", "package.zip", "sbom.cdx.json"])
def test_what_has_expired_names_the_commit_to_build(home: Home, name: str) -> None:
    """A file that the lifecycle has removed ends with 2, and the hint names the commit."""
    del home.store.objects[key_of(name)]
    with pytest.raises(Gone) as caught:
        home.run()
    assert (caught.value.exit_code, SHA in caught.value.hint) == (2, True)
    assert list(home.output.iterdir()) == []


@pytest.mark.parametrize("act", ["replace", "unlink"])
def test_whoever_is_killed_leaves_nothing_that_looks_whole(
    home: Home, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step a kill leaves the old package with its manifest, or no manifest, and never a mixture."""
    honest = getattr(Path, act)
    for fatal in range(20):
        home.keep(deliver(home.store, record()))
        home.run()
        before = {path.name: path.read_bytes() for path in home.output.iterdir()}
        home.keep(deliver(home.store, record(), content=b"PK newer one"))
        calls: list[Path] = []

        def killed(path: Path, *arguments: Any, calls: list[Path] = calls, last: int = fatal, **named: Any) -> Any:
            calls.append(path)
            if len(calls) > last:
                raise SystemExit
            return honest(path, *arguments, **named)

        with monkeypatch.context() as patch, suppress(SystemExit):
            patch.setattr(Path, act, killed)
            home.run()
            break
        after = {path.name: path.read_bytes() for path in home.output.iterdir() if path.is_file()}
        assert "manifest.json" not in after or after == before, calls
    assert fatal == len(calls) > 0
    assert (home.output / "package.zip").read_bytes() == b"PK newer one"
    assert json.loads((home.output / "manifest.json").read_text())["size_bytes"] == 12


def test_a_full_disk_leaves_what_was_there(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no room for a document, the package that was there before stays with its manifest."""
    home.run()
    before = {path.name: path.read_bytes() for path in home.output.iterdir()}
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        home.run()
    assert {path.name: path.read_bytes() for path in home.output.iterdir()} == before


def test_a_newer_commit_supersedes(home: Home) -> None:
    """When the branch has moved on, the older package is not used, and that is nobody's fault."""
    with pytest.raises(Superseded) as caught:
        home.run(commit=OTHER_SHA)
    assert caught.value.exit_code == 4
    assert not (home.output / "package.zip").exists()


@pytest.mark.parametrize(
    "build_id", ["", "x", f"demo-parser:{UUID}\n", f"other-project:{UUID}", f"demo-parser2:{UUID}"]
)
def test_a_foreign_build_id_is_refused(home: Home, build_id: str) -> None:
    """A build id of another project, or text that is none, is refused before anybody is asked."""
    with pytest.raises(Refused):
        home.run(build_id=build_id)


def test_an_unknown_build_is_named(home: Home) -> None:
    """A build that CodeBuild does not know after a minute ends with 3: its list may lag, or the id may be wrong."""
    home.codebuild.records = {}
    with pytest.raises(MachineryError, match=UUID) as caught:
        home.run()
    assert "check the build id" in caught.value.hint
    assert home.clock.now >= 60


@pytest.mark.parametrize(
    "lie",
    [
        {"project": "other"},
        {"package": "other"},
        {"kind": "layer"},
        {"architecture": "x86_64"},
        {"runtime": "python3.11"},
        {"commit": OTHER_SHA},
        {"build_id": f"demo-parser:{UUID[:-1]}f"},
        {"bucket": "elsewhere"},
        {"key": "artifacts/other/package.zip"},
        {"sha256_base64": "AAAA"},
        {"sha256": "0" * 64},
        {"size_bytes": 1},
        {"size_bytes": -1},
        {"sbom_sha256": "0" * 64},
        {"sbom_sha256": None},
        {"provenance_sha256": None},
        {"sbom_key": "artifacts/other/sbom.cdx.json"},
        {"lock_sha256": "0" * 64},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_manifest_that_lies_is_refused(home: Home, lie: dict[str, Any]) -> None:
    """A manifest of another build, target or object is refused, and no package is written."""
    home.keep(deliver(home.store, record(), **lie))
    with pytest.raises(Refused) as caught:
        home.run()
    assert caught.value.exit_code == 5
    assert not (home.output / "package.zip").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"project": 1}'])
def test_a_manifest_that_is_none_is_refused(home: Home, content: bytes) -> None:
    """Bytes that are no manifest are refused even when the build exported their digest."""
    home.store.objects[key_of("manifest.json")] = content
    home.change(exported={"ORCHESTRATOR_MANIFEST_SHA256": hashlib.sha256(content).hexdigest()})
    with pytest.raises(Refused):
        home.run()


def test_a_swapped_manifest_is_refused(home: Home) -> None:
    """A manifest that is not the one whose digest the build gave to CodeBuild is refused."""
    home.store.objects[key_of("manifest.json")] += b" "
    with pytest.raises(Refused, match="not the one the build wrote"):
        home.run()


def test_a_swapped_package_is_refused(home: Home) -> None:
    """A package that was changed after the build is refused."""
    home.store.objects[key_of("package.zip")] = b"PK evil....."
    with pytest.raises(Refused):
        home.run()
    assert not (home.output / "package.zip").exists()


@pytest.mark.parametrize(
    "lie",
    [{"version_id": "x\nORCHESTRATOR_PACKAGE_SHA256=0"}, {"version_id": "$(id)"}, {"size_bytes": 10**15}],
    ids=["smuggled variable", "shell", "a disk full"],
)
def test_a_manifest_of_a_hostile_build_is_refused(home: Home, lie: dict[str, Any]) -> None:
    """What a dependency inside the build could write cannot become a variable of other jobs or fill a disk."""
    home.keep(deliver(home.store, record(), **lie))
    with pytest.raises(Refused):
        home.run()


def test_nobody_answering_ends_the_wait(home: Home) -> None:
    """When CodeBuild stays silent for ten minutes, the stage ends with 3 and says how to go on."""
    home.codebuild.script = [MachineryError("throttled", hint="wait")] * 1000
    with pytest.raises(MachineryError, match="cannot be watched") as caught:
        home.run()
    assert f"orchestrator postbuild --build-id {BUILD_ID}" in caught.value.hint
    assert 300 <= home.clock.now <= 600


@pytest.mark.parametrize(
    ("seen", "failure", "code"),
    [
        (True, CredentialsExpired("cannot read the builds", detail="ExpiredToken"), 3),
        (False, CredentialsExpired("cannot read the builds", detail="ExpiredToken"), 3),
        (True, ConfigurationError("cannot read the builds", detail="AWS answered 403"), 3),
        (False, ConfigurationError("cannot read the builds", detail="AWS answered 403"), 2),
    ],
    ids=["expired on the way", "expired", "refused on the way", "refused"],
)
def test_lost_credentials_lose_no_build(home: Home, seen: bool, failure: OrchestratorError, code: int) -> None:
    """When credentials end while a build is watched, it goes on: nobody stops it, and the message says how to go on."""
    running = replace(home.codebuild.records[BUILD_ID], status="IN_PROGRESS", complete=False)
    home.codebuild.script = [*([running] * 3 if seen else []), failure]
    with pytest.raises(OrchestratorError) as caught:
        home.run()
    assert caught.value.exit_code == code
    assert (f"--build-id {BUILD_ID}" in caught.value.hint) is (code == 3)
    assert home.codebuild.stopped == []


def test_throttling_after_a_minute_says_nothing_about_the_build(home: Home) -> None:
    """A poll that fails does not turn a build that was seen before into an unknown one."""
    done = home.codebuild.records[BUILD_ID]
    running = replace(done, status="IN_PROGRESS", complete=False)
    home.codebuild.script = [*[running] * 15, MachineryError("throttled"), None, done]
    assert home.run().build_id == BUILD_ID
    assert home.clock.now > 60


def test_a_wrong_commit_in_the_record_is_not_reported(home: Home) -> None:
    """A build whose variables were made up is refused, and no status is set on what it calls a commit."""
    home.change(variables={"ORCHESTRATOR_COMMIT_SHA": "../../x"})
    with pytest.raises(Superseded):
        home.run()
    assert home.status.reports == []


def test_what_was_verified_is_noted_for_those_who_deploy(home: Home) -> None:
    """A pipeline notes where the verified bytes lie, for the other packages' pipelines; a terminal notes nothing."""
    home.run()
    key = f"handback/demo-parser/{SHA}.json"
    assert key not in home.store.objects
    home.pipeline_id = "8"
    manifest = home.run().manifest
    noted = json.loads(home.store.objects[key])
    assert (noted["package"], noted["commit"], noted["key"]) == ("parser", SHA, key_of("package.zip"))
    assert (noted["version_id"], noted["sha256"]) == (manifest.version_id, manifest.sha256)


@pytest.mark.parametrize("name", ["package.zip", "manifest.json", "sbom.cdx.json", "provenance.json"])
def test_a_file_of_the_repository_is_not_replaced(home: Home, name: str) -> None:
    """A name that git tracks in the folder ends with 2 before anything is asked, taken, reported or written."""
    home.pipeline_id = "8"
    home.codebuild.records = {}
    stored = dict(home.store.objects)
    home.tracked = {name}
    (home.output / name).write_text("mine")
    with pytest.raises(ConfigurationError, match="files of the repository") as caught:
        home.run()
    assert (caught.value.exit_code, f"git tracks `{name}` in" in caught.value.detail) == (2, True)
    assert "--output dist" in caught.value.hint
    assert ((home.output / name).read_text(), len(list(home.output.iterdir()))) == ("mine", 1)
    assert (home.store.objects, home.status.reports, home.history.asked) == (stored, [], [])


@pytest.mark.parametrize("same", [True, False], ids=["the same", "another"])
def test_a_lock_of_the_repository_stays_as_it_is(home: Home, same: bool) -> None:
    """A tracked `pylock.toml` is no hindrance where it is the lock that comes home; any other one ends with 2."""
    lock = home.store.objects[key_of("pylock.toml")] if same else b"mine"
    home.tracked = {"pylock.toml"}
    (home.output / "pylock.toml").write_bytes(lock)
    if same:
        assert home.run().manifest.commit == SHA
    else:
        with pytest.raises(ConfigurationError, match="files of the repository"):
            home.run()
        assert [path.name for path in home.output.iterdir()] == ["pylock.toml"]
    assert (home.output / "pylock.toml").read_bytes() == lock
