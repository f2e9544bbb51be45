"""Packages, manifests and build ids that somebody has tampered with, on their way home through a real S3 client."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import zip_zoo
from moto import mock_aws
from world import (
    ACCOUNT,
    BUCKET,
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
)

from orchestrator.effects import aws
from orchestrator.effects.files import write_bytes
from orchestrator.effects.inspection import inspect_package
from orchestrator.effects.store import S3Store
from orchestrator.errors import OrchestratorError
from orchestrator.patience import Patience
from orchestrator.plan.names import artifact_key
from orchestrator.stages.delivery import Desk
from orchestrator.stages.postbuild import PostbuildWorld, postbuild

REGION = "eu-central-1"
NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
PLAN = make()
BUILD_ID = f"demo-parser:{UUID}"
OTHER_UUID = UUID[:-1] + "f"
PACKAGE, MANIFEST = (artifact_key("", "demo-parser", SHA, UUID, name) for name in ("package.zip", "manifest.json"))


@pytest.fixture(scope="module")
def amazon() -> Iterator[Any]:
    """Put moto behind boto3 for this file, with one bucket: making a client takes a fifth of a second."""
    with pytest.MonkeyPatch.context() as patch, mock_aws() as mocked:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        aws.forget_credentials()
        s3 = aws.client("s3", REGION)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield mocked
    aws.forget_credentials()


class Home:
    """A build that has delivered a good package, and a pipeline that comes for it; what is in S3 can be spoiled."""

    def __init__(self, output: Path) -> None:
        self.s3 = aws.client("s3", REGION)
        self.s3.delete_object(Bucket=BUCKET, Key=f"handback/demo-parser/{UUID}.json")
        self.codebuild = FakeCodeBuild(known={"demo-parser": project("demo-parser")})
        self.output = output
        self.deliver()

    def deliver(self, content: bytes = zip_zoo.GOOD, built: Any = None, **claims: Any) -> None:
        """Deliver as a build does; what it claims about itself may be a lie."""
        made = built or replace(record(), ended=NOW - timedelta(hours=1))
        store = FakeStore()
        version = self.put(PACKAGE, content)
        told = deliver(store, made, content=content, **{"version_id": version, **claims})
        for key, body in store.objects.items():
            if key != PACKAGE:
                self.put(key, body)
        self.codebuild.records = {told.id: told}

    def put(self, key: str, content: bytes) -> str | None:
        """Store an object over whatever is there; return its version."""
        version: str | None = self.s3.put_object(Bucket=BUCKET, Key=key, Body=content).get("VersionId")
        return version

    def vouch(self, content: bytes) -> None:
        """Replace the manifest, and let the build have told its digest: the build itself is hostile."""
        self.put(MANIFEST, content)
        told = {"ORCHESTRATOR_MANIFEST_SHA256": hashlib.sha256(content).hexdigest()}
        self.codebuild.records = {BUILD_ID: replace(self.codebuild.records[BUILD_ID], exported=told)}

    def manifest(self) -> bytes:
        content: bytes = self.s3.get_object(Bucket=BUCKET, Key=MANIFEST)["Body"].read()
        return content

    def run(self, build_id: str = BUILD_ID, commit: str = SHA, ref: str = "main", pipeline_id: str = "8") -> Any:
        patience = Patience(sleep=lambda _: None)
        world = PostbuildWorld(
            codebuild=self.codebuild,
            logs=FakeLogs(),
            open_store=lambda bucket, account: S3Store(bucket, account, region=REGION, patience=patience),
            status=FakeStatus(),
            clock=FakeClock(),
            desk=Desk(write=write_bytes, inspect=inspect_package, narrate=lambda line: None),
            history=FakeHistory(),
            pipeline_id=pipeline_id,
            now=lambda: NOW,
        )
        return postbuild(PLAN, build_id, commit, ref, world, self.output)

    def refused(self, exit_code: int = 5, **asked: Any) -> str:
        """Come for the build; return why it was not handed out, after a look at what is left behind."""
        before = sorted(self.output.parent.rglob("*"))
        with pytest.raises(OrchestratorError) as caught:
            self.run(**asked)
        assert caught.value.exit_code == exit_code, caught.value
        assert sorted(self.output.parent.rglob("*")) == before
        text = str(caught.value)
        assert text.replace("\n", "").isprintable()
        assert len(text) < 4000
        return text


@pytest.fixture
def home(amazon: Any, tmp_path: Path) -> Home:
    """Return a good package that nobody has taken yet."""
    (tmp_path / "work" / "home").mkdir(parents=True)
    return Home(tmp_path / "work" / "home")


def test_a_good_package_comes_home(home: Home) -> None:
    """Without tampering all of it arrives, so that each refusal below has one cause; nothing was unpacked."""
    delivered = home.run()
    assert delivered.package.read_bytes() == zip_zoo.GOOD
    names = {"package.zip", "manifest.json", "sbom.cdx.json", "provenance.json", "pylock.toml"}
    assert {path.name for path in home.output.rglob("*")} == names


@pytest.mark.parametrize("animal", zip_zoo.HARMFUL)
def test_a_harmful_zip_is_refused_before_anybody_reads_it(home: Home, animal: str) -> None:
    """A build that delivers such a zip, with a manifest and a provenance that fit, gets nothing home, and unpacked."""
    home.deliver(zip_zoo.HARMFUL[animal]())
    assert "the package cannot run" in home.refused()


def test_a_zip_in_the_zip_is_data(home: Home) -> None:
    """A bomb inside of a file of the package is not opened by anybody here."""
    bomb = zip_zoo.archive(zip_zoo.entry(b"handler.py"), zip_zoo.entry(b"data.zip", zip_zoo.HARMFUL["bomb"]()))
    home.deliver(bomb)
    assert home.run().package.read_bytes() == bomb


def test_an_older_package_with_its_manifest_survives_an_attack(home: Home) -> None:
    """What was brought home before stays whole when a later package is refused."""
    home.run()
    before = {path.name: path.read_bytes() for path in home.output.iterdir()}
    home.deliver(zip_zoo.HARMFUL["leaves the package"]())
    home.refused()
    assert {path.name: path.read_bytes() for path in home.output.iterdir()} == before


SPOILED: dict[str, Callable[[Home], object]] = {
    "package removed": lambda home: home.s3.delete_object(Bucket=BUCKET, Key=PACKAGE, VersionId=_version(home)),
    "manifest removed": lambda home: home.s3.delete_object(Bucket=BUCKET, Key=MANIFEST),
    "provenance removed": lambda home: home.s3.delete_object(
        Bucket=BUCKET, Key=PACKAGE.replace("package.zip", "provenance.json")
    ),
}
SWAPPED: dict[str, Callable[[Home], object]] = {
    "package of the same size": lambda home: _unversioned(home, zip_zoo.GOOD[:-22] + b"X" * 22),
    "another good package": lambda home: _unversioned(home, zip_zoo.archive(zip_zoo.entry(b"evil.py"))),
    "cut off": lambda home: _unversioned(home, zip_zoo.GOOD[:-30]),
    "longer": lambda home: _unversioned(home, zip_zoo.GOOD + b"x"),
    "empty": lambda home: _unversioned(home, b""),
    "manifest": lambda home: home.put(MANIFEST, home.manifest() + b" "),
    "manifest of another build": lambda home: _manifest_of(home, build_id=f"demo-parser:{OTHER_UUID}"),
    "manifest without its digest": lambda home: _keep(home, exported={}),
    "manifest of another commit": lambda home: _manifest_of(home, commit=OTHER_SHA),
    "SBOM": lambda home: home.put(PACKAGE.replace("package.zip", "sbom.cdx.json"), b"{} "),
    "lock": lambda home: home.put(PACKAGE.replace("package.zip", "pylock.toml"), b"evil"),
}


def _version(home: Home) -> str:
    version: str = json.loads(home.manifest())["version_id"]
    return version


def _unversioned(home: Home, content: bytes) -> None:
    """Replace the package in a delivery that names no version, as in a bucket without versions."""
    home.deliver(version_id=None)
    home.put(PACKAGE, content)


def _manifest_of(home: Home, **changes: Any) -> None:
    home.put(MANIFEST, json.dumps({**json.loads(home.manifest()), **changes}).encode())


def _keep(home: Home, **changes: Any) -> None:
    home.codebuild.records = {BUILD_ID: replace(home.codebuild.records[BUILD_ID], **changes)}


@pytest.mark.parametrize("what", SWAPPED)
def test_what_somebody_has_put_into_the_bucket_is_refused(home: Home, what: str) -> None:
    """Whoever may write into the bucket, but is not this build, cannot change what comes home."""
    SWAPPED[what](home)
    home.refused()


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_gone_names_the_commit_to_build(home: Home, what: str) -> None:
    """Files that somebody has removed, or the lifecycle, end with 2, and the hint names the commit."""
    SPOILED[what](home)
    assert f"build the commit again: {SHA}" in home.refused(exit_code=2)


def test_the_version_that_was_delivered_comes_home(home: Home) -> None:
    """In a bucket with versions, a package that is put over the delivered one later is not even seen."""
    home.put(PACKAGE, zip_zoo.archive(zip_zoo.entry(b"evil.py")))
    assert home.run().package.read_bytes() == zip_zoo.GOOD


@pytest.mark.parametrize(
    "lie",
    [
        {"bucket": "somebody-elses-bucket"},
        {"bucket": f"{BUCKET}/../other"},
        {"key": artifact_key("", "other-parser", SHA, UUID, "package.zip")},
        {"key": artifact_key("", "demo-parser2", SHA, UUID, "package.zip")},
        {"key": artifact_key("", "demo-parser", OTHER_SHA, UUID, "package.zip")},
        {"key": artifact_key("", "demo-parser", SHA, OTHER_UUID, "package.zip")},
        {"key": PACKAGE.replace("artifacts/", "artifacts/../artifacts/")},
        {"key": "/etc/passwd"},
        {"sbom_key": "../../sbom.cdx.json"},
        {"project": "other"},
        {"package": "images"},
        {"commit": OTHER_SHA},
        {"ref": "release"},
        {"ref": None},
        {"pipeline_id": "100"},
        {"build_id": f"demo-parser:{OTHER_UUID}"},
        {"build_arn": record().arn.replace(ACCOUNT, "999999999999")},
        {"build_arn": None},
        {"runtime": "python3.11"},
        {"architecture": "\x1b[2Jarm64"},
        {"package": "x" * 7_000_000},
    ],
    ids=lambda lie: f"{next(iter(lie))}-{str(next(iter(lie.values())))[-40:]!a}",
)
def test_a_hostile_build_can_only_speak_of_itself(home: Home, lie: dict[str, Any]) -> None:
    """A manifest that names another project, bucket, key, commit, ref, pipeline or build is refused, whoever signed."""
    home.deliver(**lie)
    home.refused()


HOSTILE_MANIFESTS: dict[str, Callable[[bytes], bytes]] = {
    "not JSON": lambda _: b"PK\x03\x04",
    "nothing": lambda _: b"",
    "null": lambda _: b"null",
    "a list": lambda text: b"[" + text + b"]",
    "two documents": lambda text: text + text,
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "no UTF-8": lambda text: text.replace(b'"demo"', b'"\xff"'),
    "half a surrogate": lambda text: text.replace(b'"demo"', b'"\\ud800"'),
    "a key twice": lambda text: text[:-1] + b', "commit": "' + OTHER_SHA.encode() + b'"}',
    "an unknown key twice": lambda text: text[:-1] + b', "x": 1, "x": 2}',
    "a key twice further in": lambda text: text[:-1] + b', "x": [{"y": 1, "y": 2}]}',
    "NaN": lambda text: text[:-1] + b', "x": NaN}',
    "Infinity": lambda text: text[:-1] + b', "x": [-Infinity]}',
    "nested without end": lambda text: text[:-1] + b', "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a number without end": lambda text: text[:-1] + b', "x": ' + b"9" * 100_000 + b"}",
    "a size without end": lambda text: _replaced(text, "size_bytes", 10**400),
    "a size that fills the disk": lambda text: _replaced(text, "size_bytes", 10**15),
    "a size below zero": lambda text: _replaced(text, "size_bytes", -1),
    "a size of true": lambda text: _replaced(text, "size_bytes", True),
    "a size in words": lambda text: _replaced(text, "size_bytes", "100"),
    "half a byte": lambda text: _replaced(text, "size_bytes", 0.5),
    "a list for a key": lambda text: _replaced(text, "key", [PACKAGE]),
    "an object for a version": lambda text: _replaced(text, "version_id", {"$ne": ""}),
    "a variable in the version": lambda text: _replaced(text, "version_id", "x\nORCHESTRATOR_PACKAGE_SHA256=0"),
    "a command in the version": lambda text: _replaced(text, "version_id", "$(id)"),
    "a line behind the commit": lambda text: _replaced(text, "commit", f"{SHA}\n"),
    "digits of another script": lambda text: _replaced(text, "sha256", "\u0661" * 64),
    "two digests": lambda text: _replaced(text, "sha256", "0" * 64),
    "no provenance": lambda text: _replaced(text, "provenance_sha256", None),
    "an old version that has no provenance": lambda text: _replaced(text, "schema_version", 0),
    "a date that is none": lambda text: _replaced(text, "created_at", "yesterday"),
    "more than eight megabytes": lambda text: text + b" " * 8 * 1024 * 1024,
}


def _replaced(text: bytes, name: str, value: object) -> bytes:
    return json.dumps({**json.loads(text), name: value}).encode()


@pytest.mark.parametrize("trick", HOSTILE_MANIFESTS)
def test_a_manifest_that_reads_in_two_ways_is_not_read(home: Home, trick: str) -> None:
    """What a hostile build writes into its manifest is refused, even if it has told the digest of exactly that."""
    home.vouch(HOSTILE_MANIFESTS[trick](home.manifest()))
    home.refused()


@pytest.mark.parametrize(
    "text",
    [b"[" * 200_000, b'{"_type": 1, "_type": 2}', b"NaN", b"\xff", b'{"predicate": 1e999}'],
    ids=["nested without end", "a key twice", "NaN", "no UTF-8", "another shape"],
)
def test_a_provenance_that_is_none_is_refused(home: Home, text: bytes) -> None:
    """A statement without end, or with two meanings, is refused like one about another build."""
    store = FakeStore()
    told = deliver(store, record(), content=zip_zoo.GOOD, provenance=text, version_id=None)
    for key, body in store.objects.items():
        home.put(key, body)
    home.codebuild.records = {told.id: told}
    assert "provenance" in home.refused()


REPLAYED: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
    "to a pipeline of another commit": (4, {}, {"commit": OTHER_SHA}),
    "to another ref, from a failed build": (5, {"status": "FAILED"}, {"ref": "release"}),
    "after its time": (2, {"ended": NOW - timedelta(days=400)}, {}),
    "of a build that failed": (1, {"status": "FAILED"}, {}),
    "of a build that was stopped": (4, {"status": "STOPPED"}, {}),
    "of a build without a commit": (4, {"variables": {}}, {}),
}


@pytest.mark.parametrize("how", REPLAYED)
def test_a_good_package_is_not_replayed(home: Home, how: str) -> None:
    """A build id that was good once is good for its commit, its ref and its time only."""
    exit_code, changes, asked = REPLAYED[how]
    _keep(home, **changes)
    home.refused(exit_code=exit_code, **asked)


def test_a_good_package_goes_to_one_pipeline(home: Home) -> None:
    """A build id that one pipeline has used brings nothing to another one of the same commit and ref."""
    home.run(pipeline_id="8")
    assert "taken by pipeline '8'" in home.refused(exit_code=4, pipeline_id="9")
    assert home.run(pipeline_id="8").package.exists()


@pytest.mark.parametrize(
    "build_id",
    [
        "",
        " ",
        UUID,
        "demo-parser",
        "demo-parser:",
        f":{UUID}",
        f"demo-parser:{UUID}\n",
        f"\ndemo-parser:{UUID}",
        f" demo-parser:{UUID}",
        f"demo-parser:{UUID}:",
        f"demo-parser::{UUID}",
        f"demo-parser:{UUID.upper()}",
        f"demo-parser:{UUID[:-1]}",
        f"demo-parser:{UUID}0",
        f"demo-parser:{UUID.replace('0', chr(0x0660))}",
        f"demo-parser:{UUID.replace('-', chr(0x2010))}",
        f"demo\u2010parser:{UUID}",
        f"d\u0435mo-parser:{UUID}",
        f"demo-parser%3A{UUID}",
        f"demo-parser\uff1a{UUID}",
        f"demo-parser:{UUID}\0",
        f"demo-parser:{UUID};id",
        f"demo-parser:{UUID},demo-parser:{OTHER_UUID}",
        f"../demo-parser:{UUID}",
        f"other-parser:{UUID}",
        f"demo-parser2:{UUID}",
        f"demo-parse:{UUID}",
        f"DEMO-PARSER:{UUID}",
        f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:build/demo-parser:{UUID}",
        f"arn:aws:codebuild:eu-central-1:999999999999:build/demo-parser:{UUID}",
        f"build/demo-parser:{UUID}",
        f"demo-parser:build-batch:{UUID}",
        "x" * 100_000,
        "\x1b[2J" * 50_000,
        "\u202e" * 5_000,
        f"{'x' * 151}:{UUID}",
        "assembled:",
        f"assembled:demo-parser:{SHA}:{UUID}",
        f"assembled:demo-parser:{SHA}:{UUID}:{'0' * 63}",
        f"assembled:demo-parser:{SHA}:{UUID}:{'0' * 64}\n",
        f"assembled:other-parser:{SHA}:{UUID}:{'0' * 64}",
        f"assembled:demo-parser:{SHA}:{UUID}:{'0' * 64}",
        f"assembled:demo-parser:../../artifacts:{UUID}:{'0' * 64}",
        f"Assembled:demo-parser:{SHA}:{UUID}:{'0' * 64}",
    ],
    ids=lambda text: ascii(text)[1:41],
)
def test_a_hostile_build_id_asks_nobody(tmp_path: Path, build_id: str) -> None:
    """Text that is no id of a build of this project is refused before CodeBuild or S3 is asked, and is not echoed."""

    class Nobody:
        def __getattr__(self, name: str) -> Any:
            pytest.fail(f"{name} was asked for")

    nobody: Any = Nobody()
    world = PostbuildWorld(nobody, nobody, nobody, nobody, nobody, nobody, nobody, "8")
    with pytest.raises(OrchestratorError) as caught:
        postbuild(PLAN, build_id, SHA, "main", world, tmp_path)
    text = str(caught.value)
    assert (caught.value.exit_code, list(tmp_path.iterdir())) == (5, [])
    assert text.replace("\n", "").isprintable()
    assert len(text) < 700
