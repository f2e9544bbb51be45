"""Plain fakes of the ports, for the stories that need no real neighbour."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.config.load import parse
from orchestrator.errors import Gone, MachineryError, Refused
from orchestrator.packaging.documents.model import Origin
from orchestrator.plan.make import make_plan
from orchestrator.plan.model import BuildPlan, Plan, RenderedRoot
from orchestrator.plan.names import artifact_key
from orchestrator.records import BuildRecord, MadePackage, NotMade, PhaseRecord, ProjectRecord, Reach, Snapshot, Stored

ACCOUNT = "123456789012"
BUCKET = "parser-bucket"
SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER_SHA = "76543210fedcba9876543210fedcba9876543210"
UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
DIGEST = "d" * 64
JOB = "urn:orchestrator:builder:gitlab-job"


def make(text: str = "", environment: Mapping[str, str] | None = None) -> Plan:
    """Return the plan of a configuration; without a text, of a small one."""
    text = text or "project: demo\nregion: eu-central-1\npackages:\n  parser: {}\n"
    configuration = parse(text, "orchestrator.yml", environment or {"CI_PROJECT_ID": "7"})
    return make_plan(configuration, base=".", read=lambda _: None, tool_sha256="a" * 64, handback_sha256="b" * 64)


def project(name: str, **changes: Any) -> ProjectRecord:
    """Return a CodeBuild project that prebuild has applied."""
    record = ProjectRecord(
        name=name,
        arn=f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:project/{name}",
        tags={"orchestrator-settings-digest": DIGEST},
        variables={"ORCHESTRATOR_BUCKET": BUCKET},
    )
    return replace(record, **changes)


def record(build_project: str = "demo-parser", **changes: Any) -> BuildRecord:
    """Return a build that has succeeded."""
    built = BuildRecord(
        id=f"{build_project}:{UUID}",
        arn=f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:build/{build_project}:{UUID}",
        project=build_project,
        status="SUCCEEDED",
        complete=True,
        phases=(PhaseRecord("BUILD", "SUCCEEDED", 3), PhaseRecord("COMPLETED", "", None)),
        variables={
            "ORCHESTRATOR_COMMIT_SHA": SHA,
            "ORCHESTRATOR_REF": "main",
            "ORCHESTRATOR_PIPELINE_ID": "99",
        },
        exported={},
    )
    return replace(built, **changes)


@dataclass
class FakeClock:
    """Time that passes only in sleep."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class FakeCodeBuild:
    """Projects and builds in dictionaries; `script` replaces the answers to polls, one after another."""

    known: dict[str, ProjectRecord] = field(default_factory=dict)
    records: dict[str, BuildRecord] = field(default_factory=dict)
    script: list[BuildRecord | Exception | None] = field(default_factory=list)
    started: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def projects(self, names: Sequence[str]) -> Mapping[str, ProjectRecord]:
        return {name: self.known[name] for name in names if name in self.known}

    def start(self, name: str, variables: Mapping[str, str], idempotency_token: str) -> BuildRecord:
        if name == "demo-broken":
            raise MachineryError("cannot start", hint="retry")
        self.started.append((name, dict(variables), idempotency_token))
        return record(name, variables=variables, status="IN_PROGRESS", complete=False)

    def newest(self, project: str, *, limit: int) -> Sequence[BuildRecord]:
        return [one for one in reversed(self.records.values()) if one.project == project][:limit]

    def stop(self, build_id: str) -> BuildRecord:
        self.stopped.append(build_id)
        self.records[build_id] = replace(self.records[build_id], status="STOPPED", complete=True)
        return self.records[build_id]

    def builds(self, build_ids: Sequence[str]) -> Mapping[str, BuildRecord]:
        if self.script:
            answer = self.script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return {answer.id: answer} if answer else {}
        return {name: self.records[name] for name in build_ids if name in self.records}


@dataclass
class FakeStore:
    """A bucket in a dictionary."""

    bucket: str = BUCKET
    objects: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def exists(self, key: str) -> bool:
        return key in self.objects

    def put_new(self, key: str, source: Path | bytes, *, sha256: str) -> bool:
        if key in self.objects:
            if self.digests.get(key) != sha256:
                raise Refused("other content", hint="look")
            return False
        self.objects[key] = source if isinstance(source, bytes) else source.read_bytes()
        self.digests[key] = sha256
        return True

    def read(self, key: str, *, limit_bytes: int) -> bytes:
        if key not in self.objects:
            raise Gone(f"{key} is gone", hint="build again")
        return self.objects[key]

    def read_tagged(self, key: str, *, limit_bytes: int) -> Stored | None:
        content = self.objects.get(key)
        return None if content is None else Stored(content, hashlib.sha256(content).hexdigest())

    def replace(self, key: str, content: bytes, *, tag: str | None) -> bool:
        found = self.read_tagged(key, limit_bytes=0)
        if (found.tag if found else None) != tag:
            return False
        self.objects[key] = content
        return True

    def download(self, key: str, version_id: str | None, target: Path, *, size_bytes: int, sha256: str) -> None:
        content = self.read(key, limit_bytes=size_bytes)
        if hashlib.sha256(content).hexdigest() != sha256 or len(content) != size_bytes:
            raise Refused("not what the manifest says", hint="look")
        target.write_bytes(content)


@dataclass
class FakeInfrastructure:
    """Terraform that remembers what it was given, and always succeeds."""

    applied: list[RenderedRoot] = field(default_factory=list)
    outputs: Mapping[str, Any] = field(
        default_factory=lambda: {
            "build_projects": {
                "demo-parser": {
                    "arn": f"arn:aws:codebuild:eu-central-1:{ACCOUNT}:project/demo-parser",
                    "bucket": BUCKET,
                }
            }
        }
    )

    def apply(self, root: RenderedRoot) -> Mapping[str, Any]:
        self.applied.append(root)
        return self.outputs


@dataclass
class FakeParameters:
    """A Parameter Store that has everything but what is named."""

    absent: Sequence[str] = ()

    def missing(self, names: Sequence[str]) -> Sequence[str]:
        return [name for name in names if name in self.absent]


@dataclass
class FakeStatus:
    """Remembers what GitLab would show."""

    reports: list[tuple[str, str]] = field(default_factory=list)
    pipelines: list[str] = field(default_factory=list)

    def report(
        self, sha: str, *, state: str, name: str, ref: str, pipeline_id: str, description: str, url: str
    ) -> None:
        self.reports.append((sha, state))
        self.pipelines.append(pipeline_id)


@dataclass
class FakeHistory:
    """A repository whose refs all point to one commit, unless a test says otherwise."""

    head: str | None = None
    contains: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)

    def reach(self, ref: str, sha: str) -> Reach:
        self.asked.append((ref, sha))
        return Reach(sha if self.head is None else self.head, self.contains)


class FakeGit:
    """A checkout whose snapshot is always the same bytes."""

    def snapshot(self, sha: str, target: Path) -> Snapshot:
        target.write_bytes(b"archive")
        return Snapshot(target, hashlib.sha256(b"archive").hexdigest())


@dataclass
class FakeMaker:
    """Makes every package as two bytes, except those it has reasons against."""

    reasons: dict[str, list[str]] = field(default_factory=dict)
    origins: list[Origin] = field(default_factory=list)

    def make(self, item: BuildPlan, snapshot: Snapshot, origin: Origin, folder: Path) -> MadePackage | NotMade:
        self.origins.append(origin)
        if item.package in self.reasons:
            return NotMade(self.reasons[item.package])
        package, content = folder / "package.zip", b"PK"
        package.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        documents = {"sbom": b"{}", "provenance": statement(sha256, origin.commit, origin.invocation, JOB)}
        manifest: dict[str, Any] = {
            "schema_version": 2,
            "project": origin.project,
            "package": origin.package,
            "kind": str(item.kind),
            "architecture": str(item.target.architecture),
            "runtime": item.target.runtime,
            "commit": origin.commit,
            "ref": origin.ref,
            "pipeline_id": origin.pipeline_id,
            "build_id": origin.build_id,
            "lock_sha256": None,
            "sha256": sha256,
            "sha256_base64": base64.b64encode(bytes.fromhex(sha256)).decode(),
            "size_bytes": len(content),
        }
        places = {name: folder / f"{name}.json" for name in documents}
        for name, text in documents.items():
            places[name].write_bytes(text)
            manifest[f"{name}_sha256"] = hashlib.sha256(text).hexdigest()
        return MadePackage(package, places, manifest)


@dataclass
class FakePipelines:
    """Remembers the pipelines that were started."""

    started: list[tuple[str, str]] = field(default_factory=list)

    def start(self, ref: str, build_id: str) -> str:
        self.started.append((ref, build_id))
        return f"https://gitlab.example.com/pipelines/{len(self.started)}"


@dataclass
class FakeLogs:
    """A log of two lines, one of which tries to steer the terminal."""

    lines: list[str] = field(default_factory=lambda: ["\x1b[2J\x1b]0;owned\x07error: no such header", "exit status 1"])

    def last_lines(self, build: BuildRecord, count: int) -> Sequence[str]:
        return self.lines


def statement(sha256: str, commit: str, invocation: str, builder: str) -> bytes:
    """Return a provenance with what postbuild looks at."""
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "package.zip", "digest": {"sha256": sha256}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:orchestrator:package-build:1",
                "externalParameters": {},
                "resolvedDependencies": [{"name": "commit", "digest": {"gitCommit": commit}}],
            },
            "runDetails": {"builder": {"id": builder}, "metadata": {"invocationId": invocation}},
        },
    }
    return json.dumps(document).encode()


def deliver(
    store: FakeStore,
    built: BuildRecord,
    provenance: bytes | None = None,
    content: bytes = b"PK package",
    **claims: Any,
) -> BuildRecord:
    """Store a package with its documents as the build would; return the record with the exported digest."""
    sha256 = hashlib.sha256(content).hexdigest()
    builder = built.arn.partition(":build/")[0] + f":project/{built.project}"
    documents = {
        "sbom": b"{}",
        "provenance": provenance or statement(sha256, SHA, built.arn, builder),
        "lock": b'lock-version = "1.0"\n',
    }
    names = {"sbom": "sbom.cdx.json", "provenance": "provenance.json", "lock": "pylock.toml"}
    place = partial(artifact_key, "", built.project, SHA, built.uuid)
    manifest: dict[str, Any] = {
        "schema_version": 2,
        "project": "demo",
        "package": "parser",
        "kind": "function",
        "architecture": "arm64",
        "runtime": "python3.12",
        "commit": SHA,
        "ref": built.variables.get("ORCHESTRATOR_REF"),
        "pipeline_id": built.variables.get("ORCHESTRATOR_PIPELINE_ID", ""),
        "build_id": built.id,
        "build_arn": built.arn,
        "bucket": BUCKET,
        "key": place("package.zip"),
        "version_id": None,
        "sha256": sha256,
        "sha256_base64": base64.b64encode(bytes.fromhex(sha256)).decode(),
        "size_bytes": len(content),
    }
    for name, text in documents.items():
        manifest[f"{name}_sha256"] = hashlib.sha256(text).hexdigest()
        manifest[f"{name}_key"] = place(names[name])
        store.objects[place(names[name])] = text
    manifest |= claims
    whole = json.dumps({name: value for name, value in manifest.items() if value != "absent"}).encode()
    store.objects[place("package.zip")] = content
    store.objects[place("manifest.json")] = whole
    return replace(built, exported={"ORCHESTRATOR_MANIFEST_SHA256": hashlib.sha256(whole).hexdigest()})
