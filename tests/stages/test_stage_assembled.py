"""The story of `where: auto`: what is made in the job, what goes to CodeBuild, and what postbuild believes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from world import (
    DIGEST,
    JOB,
    OTHER_SHA,
    SHA,
    UUID,
    FakeClock,
    FakeCodeBuild,
    FakeGit,
    FakeHistory,
    FakeLogs,
    FakeMaker,
    FakePipelines,
    FakeStatus,
    FakeStore,
    make,
    project,
    statement,
)

from orchestrator.errors import ConfigurationError, Refused, Superseded
from orchestrator.plan.names import split_assembled_id
from orchestrator.stages.assembled import Workshop
from orchestrator.stages.build import BuildWorld, Request, StartedBuild, build
from orchestrator.stages.delivery import Delivered, Desk
from orchestrator.stages.postbuild import PostbuildWorld, postbuild

PLAN = make("project: demo\nregion: eu-central-1\nbuild: {where: auto}\npackages: {parser: {}, images: {}}\n")
NEVER = make("project: demo\nregion: eu-central-1\npackages: {parser: {}, images: {}}\n")
REQUEST = Request(commit=SHA, ref="main", pipeline_id="99", job_url="https://gitlab.example.com/jobs/5")


@dataclass
class Shop:
    """A GitLab job with everything around it; `pipelines` None makes it a terminal."""

    folder: Path
    maker: FakeMaker = field(default_factory=FakeMaker)
    pipelines: FakePipelines | None = field(default_factory=FakePipelines)
    store: FakeStore = field(default_factory=FakeStore)
    status: FakeStatus = field(default_factory=FakeStatus)
    said: list[str] = field(default_factory=list)
    codebuild: FakeCodeBuild = field(
        default_factory=lambda: FakeCodeBuild(known={name: project(name) for name in ("demo-parser", "demo-images")})
    )

    def build(self, plan: Any = PLAN) -> tuple[StartedBuild, ...]:
        world = BuildWorld(
            codebuild=self.codebuild,
            git=FakeGit(),
            open_store=lambda bucket, account: self.store,
            status=self.status,
            narrate=self.said.append,
            record=lambda started: None,
            workshop=Workshop(self.maker, self.pipelines, lambda: UUID, self.said.append, self.folder / "packages"),
        )
        return build(plan, DIGEST, REQUEST, world, self.folder)

    def postbuild(self, build_id: str, commit: str = SHA, plan: Any = PLAN) -> Delivered:
        world = PostbuildWorld(
            codebuild=self.codebuild,
            logs=FakeLogs(),
            open_store=lambda bucket, account: self.store,
            status=self.status,
            history=FakeHistory(),
            clock=FakeClock(),
            desk=Desk(write=Path.write_bytes, inspect=lambda package, item: [], narrate=self.said.append),
        )
        return postbuild(plan, build_id, commit, "main", world, self.folder / "home")

    def rewrite(self, whole_id: str, **changes: Any) -> str:
        """Change the manifest as whoever may write it could; return the id that names it now."""
        made = split_assembled_id(whole_id)
        assert made is not None
        key = f"assembled/{made.codebuild_project}/{made.commit}/{made.uuid}/manifest.json"
        content = json.dumps({**json.loads(self.store.objects[key]), **changes}).encode()
        self.store.objects[key] = content
        return str(replace(made, manifest_sha256=hashlib.sha256(content).hexdigest()))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a job in which nothing has happened yet."""
    return Shop(tmp_path)


def test_what_needs_no_compiler_never_sees_codebuild(shop: Shop) -> None:
    """Both packages are made in the job, stored apart from those of builds, and each starts a pipeline of its own."""
    started = shop.build()
    assert shop.codebuild.started == []
    assert shop.pipelines is not None
    assert [build_id for _, build_id in shop.pipelines.started] == [build.build_id for build in started]
    assert {ref for ref, _ in shop.pipelines.started} == {"main"}
    assert {key.split("/")[0] for key in shop.store.objects} == {"assembled"}
    assert [state for _, state in shop.status.reports] == ["success", "success"]
    assert started[0].console_url == "https://gitlab.example.com/pipelines/1"


def test_what_has_to_be_compiled_goes_to_codebuild(shop: Shop) -> None:
    """A package that needs a compiler is built remotely as ever, and the job says what for."""
    shop.maker.reasons = {"images": ["pillow-simd 9.5 has to be compiled: it has no wheel"]}
    started = {build.package: build.build_id for build in shop.build()}
    assert [name for name, _, _ in shop.codebuild.started] == ["demo-images"]
    assert started["images"] == f"demo-images:{UUID}"
    assert started["parser"].startswith("assembled:demo-parser:")
    assert shop.store.digests[f"snapshots/{SHA}.tar.gz"]
    assert any("`images` goes to CodeBuild" in line and "pillow-simd 9.5" in line for line in shop.said)


def test_without_being_asked_nothing_is_made_here(shop: Shop) -> None:
    """`where: codebuild`, the default, and packages of the kind `custom` never run in the job."""
    shop.build(NEVER)
    custom = "packages: {parser: {kind: custom, commands: [make], output: dist}}\n"
    shop.build(make("project: demo\nregion: eu-central-1\nbuild: {where: auto}\n" + custom))
    assert shop.maker.origins == []
    assert len(shop.codebuild.started) == 3


def test_a_terminal_needs_no_account(shop: Shop) -> None:
    """Outside of a job the package stays in a folder; AWS and GitLab hear nothing of it."""
    shop.pipelines = None
    shop.codebuild.known = {}
    assert shop.build() == ()
    folder = shop.folder / "packages" / "parser"
    assert {path.name for path in folder.iterdir()} == {
        "package.zip",
        "manifest.json",
        "sbom.cdx.json",
        "provenance.json",
    }
    assert shop.store.objects == {}
    assert shop.status.reports == []


def test_nothing_is_made_with_other_settings(shop: Shop) -> None:
    """A job whose settings prebuild has not applied makes nothing either: bucket and role could be others."""
    shop.codebuild.known["demo-images"] = project("demo-images", tags={})
    with pytest.raises(ConfigurationError, match="demo-images"):
        shop.build()
    assert shop.maker.origins == []


def test_the_documents_know_commit_and_job(shop: Shop) -> None:
    """What the package was made from is handed to whoever writes its documents."""
    shop.build()
    origin = shop.maker.origins[0]
    assert (origin.commit, origin.ref, origin.pipeline_id) == (SHA, "main", "99")
    assert origin.job_url == REQUEST.job_url
    assert origin.build_id == f"assembled:demo-images:{SHA}:{UUID}"
    assert len(origin.snapshot_sha256) == 64


def test_such_a_package_comes_home(shop: Shop) -> None:
    """The stage brings package and documents back from S3 by the id alone, and asks CodeBuild for the bucket only."""
    build_id = shop.build()[0].build_id
    delivered = shop.postbuild(build_id)
    assert delivered.manifest.package == "images"
    assert delivered.package.read_bytes() == b"PK"
    assert (shop.folder / "home" / "provenance.json").exists()
    assert shop.status.reports[-1] == (SHA, "success")


def test_a_newer_commit_supersedes_it(shop: Shop) -> None:
    """The pipeline runs on the head of the branch; a package of an older commit is nobody's fault."""
    with pytest.raises(Superseded):
        shop.postbuild(shop.build()[0].build_id, commit=OTHER_SHA)


@pytest.mark.parametrize(
    "lie",
    [
        {"project": "other"},
        {"package": "parser"},
        {"commit": OTHER_SHA},
        {"runtime": "python3.11"},
        {"architecture": "x86_64"},
        {"bucket": "elsewhere"},
        {"build_id": f"demo-images:{UUID}"},
        {"sha256": "0" * 64},
        {"schema_version": 1, "key": "artifacts/demo-images/x"},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_lie_is_refused(shop: Shop, lie: dict[str, Any]) -> None:
    """A manifest about anything else is refused even when the id names its digest."""
    build_id = shop.rewrite(shop.build()[0].build_id, **lie)
    with pytest.raises(Refused):
        shop.postbuild(build_id)
    assert not (shop.folder / "home" / "package.zip").exists()


def test_a_swapped_manifest_is_refused(shop: Shop) -> None:
    """The id that travels names the manifest; another one in its place is not believed."""
    build_id = shop.build()[0].build_id
    shop.rewrite(build_id, ref="other")
    with pytest.raises(Refused, match="not the one"):
        shop.postbuild(build_id)


def test_a_statement_by_somebody_else_is_refused(shop: Shop) -> None:
    """A provenance that names CodeBuild as the builder does not pass for a package that a job has made."""
    build_id = shop.build()[0].build_id
    made = split_assembled_id(build_id)
    assert made is not None
    text = statement(hashlib.sha256(b"PK").hexdigest(), SHA, f"urn:orchestrator:build:{made.build_id}", JOB + "2")
    shop.store.objects[f"assembled/demo-images/{SHA}/{UUID}/provenance.json"] = text
    build_id = shop.rewrite(build_id, provenance_sha256=hashlib.sha256(text).hexdigest())
    with pytest.raises(Refused, match="builder"):
        shop.postbuild(build_id)


def test_nobody_brings_such_a_package_to_a_project_that_wants_none(shop: Shop) -> None:
    """Where `where: auto` is not written, an id of this kind is refused before S3 is asked."""
    build_id = shop.build()[0].build_id
    with pytest.raises(Refused, match="not made in jobs"):
        shop.postbuild(build_id, plan=NEVER)
    with pytest.raises(Refused, match="not one of this project's"):
        shop.postbuild(build_id.replace("demo-images", "demo-other"))
