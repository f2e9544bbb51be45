"""Manifest, provenance and input digest: what they say, and that they say the same of the same package."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from document_facts import BUILD_ID, COMMIT, ORIGIN, compiled, from_git, make_facts, make_wheel

from orchestrator.packaging.documents.bundle import documents
from orchestrator.packaging.documents.input_digest import differences, input_digest, inputs, tree_digest
from orchestrator.packaging.documents.manifest import deposited
from orchestrator.packaging.documents.model import Asked, Origin, Stored
from orchestrator.packaging.documents.provenance import builder_of, provenance
from orchestrator.packaging.runtimes import target_of


def test_the_manifest_vouches_for_its_neighbours(tmp_path: Path) -> None:
    """Digest of package, SBOM, provenance and lock stand in the manifest; two spellings of the first agree."""
    facts = make_facts(tmp_path, make_wheel(tmp_path, "fast"))
    made = documents(facts, ORIGIN, tmp_path)
    for name, content in made.others.items():
        assert made.manifest[f"{name}_sha256"] == hashlib.sha256(content).hexdigest()
    assert made.manifest["sha256"] == hashlib.sha256(facts.package.read_bytes()).hexdigest()
    assert made.manifest["packages"] == [
        {"name": "fast", "version": "1.0", "sha256": facts.wheels[0].sha256, "compiled": False}
    ]
    assert made.manifest["allowed"] == [
        {"rule": "library", "file": "x.so", "subject": "libGL.so.1", "reason": "never called"}
    ]
    assert made.manifest["created_at"] == ORIGIN.finished


def test_the_documents_lie_beside_the_package(tmp_path: Path) -> None:
    """Beside `dist/parser.zip` they have names of their own, and no half-written file stays."""
    made = documents(make_facts(tmp_path), Origin(), tmp_path)
    folder = tmp_path / "dist"
    folder.mkdir()
    written = made.write_beside(folder / "par.ser.zip")
    assert {path.name for path in written} == {path.name for path in folder.iterdir()}
    assert {path.name for path in written} == {
        "par.ser.manifest.json",
        "par.ser.cdx.json",
        "par.ser.provenance.json",
        "pylock.par-ser.toml",
    }
    manifest = json.loads((folder / "par.ser.manifest.json").read_text())
    assert (manifest["bucket"], manifest["commit"], manifest["build_id"]) == (None, None, None)


def test_a_stored_package_knows_where_it_lies(tmp_path: Path) -> None:
    """Storing completes the manifest, twice as well as once, and changes nothing else in it."""
    made = documents(make_facts(tmp_path), ORIGIN, tmp_path).manifest
    stored = Stored("bucket", "a/package.zip", "v1", "a/sbom.cdx.json", "a/provenance.json", None)
    once = deposited(made, stored)
    assert deposited(once, stored) == once
    assert (once["bucket"], once["version_id"], once["lock_key"]) == ("bucket", "v1", None)
    assert {name for name in once if once[name] != made[name]} == {
        "bucket",
        "key",
        "version_id",
        "sbom_key",
        "provenance_key",
    }


def test_the_provenance_names_everything_that_went_in(tmp_path: Path) -> None:
    """Commit, snapshot, sources, lock, wheels, sdists, other repositories, image and tool, each by its digest."""
    wheel = make_wheel(tmp_path, "fast")
    facts = make_facts(tmp_path, wheel, compiled(make_wheel(tmp_path, "slow")))
    assert facts.plan is not None
    facts = replace(facts, plan=replace(facts.plan, packages=(from_git("forked"),)))
    text = provenance(facts, ORIGIN)
    document = json.loads(text)
    assert document["subject"] == [{"name": "package.zip", "digest": {"sha256": facts.sha256.hex()}}]
    found = {item["name"]: item for item in document["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert found["commit"] == {
        "name": "commit",
        "uri": f"git+https://gitlab.example.com/group/demo.git@{COMMIT}",
        "digest": {"gitCommit": COMMIT},
    }
    assert found["fast 1.0"]["digest"] == {"sha256": wheel.sha256}
    assert found["fast 1.0"]["uri"] == f"https://files.example.com/{wheel.path.name}"
    assert found["slow 1.0 (source)"]["digest"] == {"sha256": "4" * 64}
    assert found["forked 1.0 (source)"]["digest"] == {"gitCommit": "a" * 40}
    assert found["image"]["digest"] == {"sha256": "1" * 64}
    assert found["orchestrator.pyz"]["digest"] == {"sha256": "7" * 64}
    assert {"snapshot", "source", "lock"} < found.keys()
    assert b"canary" not in text


def test_the_provenance_names_who_made_it(tmp_path: Path) -> None:
    """The builder is the CodeBuild project, the invocation its build, the times are those of in-toto."""
    run = json.loads(provenance(make_facts(tmp_path), ORIGIN))["predicate"]["runDetails"]
    assert run["builder"]["id"] == "arn:aws:codebuild:eu-central-1:123456789012:project/demo-parser"
    assert run["metadata"] == {
        "invocationId": ORIGIN.build_arn,
        "startedOn": "2026-11-21T10:00:00Z",
        "finishedOn": "2026-11-21T10:01:00Z",
    }


def test_nobody_is_taken_for_codebuild(tmp_path: Path) -> None:
    """A job and a person at a terminal each have a builder of their own, and a person has no invocation."""
    assert builder_of("", f"assembled:{BUILD_ID}") == "urn:orchestrator:builder:gitlab-job"
    run = json.loads(provenance(make_facts(tmp_path), Origin()))["predicate"]["runDetails"]
    assert run == {"builder": {"id": "urn:orchestrator:builder:local-command"}, "metadata": {}}


CHANGES: dict[str, dict[str, Any]] = {
    "application": {"source_sha256": "9" * 64},
    "kind": {"kind": "layer"},
    "architecture": {"target": target_of("x86_64", "python3.12")},
    "runtime": {"target": target_of("arm64", "python3.13")},
    "runtime_row": {"target": target_of("arm64", "python3.12", {"python3.12": {"versions": {"GLIBC": "2.35"}}})},
    "lock": {"plan": None},
    "wheels": {"wheels": ()},
    "exclude": {"asked": Asked(exclude=("*/tests/*",))},
    "bytecode": {"asked": Asked(bytecode=True)},
    "environment": {"asked": Asked(environment={"CFLAGS": "-O3"})},
    "commands": {"asked": Asked(commands=("make",))},
    "system_packages": {"asked": Asked(system_packages={"dnf": ("curl",)})},
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_what_shapes_a_package_changes_its_input_digest(tmp_path: Path, name: str) -> None:
    """Each input has its own line, and two manifests tell which of them made the difference."""
    facts = make_facts(tmp_path, make_wheel(tmp_path, "fast"), asked=Asked())
    before, after = inputs(facts, ORIGIN), inputs(replace(facts, **CHANGES[name]), ORIGIN)
    assert input_digest(before) != input_digest(after)
    assert any(line.startswith(f"{name}: ") for line in differences(before, after))


def test_who_asks_and_when_is_no_input(tmp_path: Path) -> None:
    """The same sources on the same image give the same digest in every pipeline, build and hour."""
    facts = make_facts(tmp_path)
    other = replace(ORIGIN, commit="f" * 40, ref="other", pipeline_id="1", build_id="x", started="", finished="")
    assert inputs(facts, ORIGIN) == inputs(facts, other)
    row = target_of("arm64", "python3.12", {"python3.12": {"deprecated": "2040-01-01"}})
    assert inputs(replace(facts, target=row), ORIGIN) == inputs(facts, ORIGIN)
    assert differences(inputs(facts, ORIGIN), inputs(facts, other)) == ()


def test_sources_are_known_by_their_content(tmp_path: Path) -> None:
    """The digest of a tree does not know where it lies or when it was written, but names, content and modes."""
    digests = []
    for place in ("here", "there"):
        folder = tmp_path / place / "deep"
        folder.mkdir(parents=True)
        (folder / "b.py").write_text("x = 1\n")
        (folder / "a").write_text("")
        (folder.parent / ".git").mkdir()
        (folder.parent / ".git" / "HEAD").write_text(place)
        os.utime(folder / "b.py", (1, 1) if place == "here" else None)
        digests.append(tree_digest([folder.parent]))
    assert digests[0] == digests[1]
    (tmp_path / "there" / "deep" / "a").chmod(0o755)
    executable = tree_digest([tmp_path / "there"])
    (tmp_path / "there" / "deep" / "a").rename(tmp_path / "there" / "deep" / "c")
    assert len({digests[0], executable, tree_digest([tmp_path / "there"])}) == 3
