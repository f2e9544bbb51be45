"""A finished package in small, for tests of the documents beside it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.packaging.assembly.model import Assembled
from orchestrator.packaging.documents.model import Asked, Origin, PackageFacts
from orchestrator.packaging.inspection.model import Allowed, Finding, Inspection, Rule, Severity
from orchestrator.packaging.lock.model import DependencyPlan, LockedSource, PlannedPackage, Verdict
from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels.model import SystemLibrary, Wheel

TARGET = target_of("arm64", "python3.12")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUILD_ID = "demo-parser:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
ORIGIN = Origin(
    project="demo",
    package="parser",
    commit=COMMIT,
    ref="main",
    repository="https://gitlab.example.com/group/demo.git",
    snapshot_sha256="5" * 64,
    pipeline_id="99",
    build_id=BUILD_ID,
    build_arn=f"arn:aws:codebuild:eu-central-1:123456789012:build/{BUILD_ID}",
    build_number="3",
    image="registry.example.com/build@sha256:" + "1" * 64,
    tool_sha256="7" * 64,
    started="2026-11-21T10:00:00+00:00",
    finished="2026-11-21T10:01:00+00:00",
)
METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nSummary: A thing\n{licence}\n\nbody: License: no\n"
# What a wheel carries, as maturin and auditwheel write it: nested parts, references that two wheels share.
SBOM: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "metadata": {"component": {"type": "library", "name": "fast", "bom-ref": "root", "version": "1.0"}},
    "components": [
        {
            "type": "library",
            "name": "ring",
            "version": "0.17",
            "bom-ref": "a",
            "purl": "pkg:cargo/ring@0.17",
            "components": [{"type": "library", "name": "boring", "bom-ref": "b"}],
        },
        {"type": "library", "name": "zlib", "version": "1.3", "bom-ref": "c"},
        {"type": "library", "name": "zlib", "version": "1.3"},
    ],
    "dependencies": [{"ref": "root", "dependsOn": ["a", "c"]}, {"ref": "a", "dependsOn": ["b", "gone"]}],
}


def make_wheel(folder: Path, name: str, licence: str = "", sboms: Mapping[str, Any] | None = None) -> Wheel:
    """Write a wheel with these lines of METADATA and these files in `sboms/`."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "x = 1\n")
        archive.writestr(f"{name}-1.0.dist-info/METADATA", METADATA.format(name=name, licence=licence))
        for file, content in (sboms or {}).items():
            text = content if isinstance(content, (str, bytes)) else json.dumps(content)
            archive.writestr(f"{name}-1.0.dist-info/sboms/{file}", text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel(name, "1.0", path, digest, url=f"https://user:canary@files.example.com/{path.name}?signature=canary#x")


def make_facts(folder: Path, *wheels: Wheel, **changes: Any) -> PackageFacts:
    """Return the facts of a package of `handler.py` and these wheels."""
    package = folder / "package.zip"
    with zipfile.ZipFile(package, "w") as archive:
        for name in ("handler.py", *(f"{wheel.name}/__init__.py" for wheel in wheels)):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            archive.writestr(info, "x = 1\n")
    digest = hashlib.sha256(package.read_bytes()).digest()
    origins = {"handler.py": "", **{f"{wheel.name}/__init__.py": str(wheel) for wheel in wheels}}
    finding = Finding(Rule.LIBRARY, Severity.ERROR, "x.so", "fast 1.0", "libGL.so.1", "none", "one", "do")
    facts = PackageFacts(
        package=package,
        kind="function",
        target=TARGET,
        assembled=Assembled(33, len(origins), origins, (), "libdeflate, level 6"),
        wheels=wheels,
        plan=DependencyPlan(TARGET, (), b'lock-version = "1.0"\n', made=True),
        inspection=Inspection(digest, package.stat().st_size, 1, 1, 0, (), (Allowed(finding, "never called"),)),
        asked=Asked(source="src", requirements="src/requirements.txt", environment={"CFLAGS": "-O2"}),
        source_sha256="3" * 64,
    )
    return replace(facts, **changes)


def compiled(wheel: Wheel) -> Wheel:
    """Return the wheel as one that was compiled here, with a library of the build machine in it."""
    library = SystemLibrary("libcurl.so.4", "libcurl", "0:8.5.0-1.amzn2023.0.4", "MIT")
    return replace(wheel, compiled=True, source_sha256="4" * 64, libraries=(library,))


def from_git(name: str) -> PlannedPackage:
    """Return a dependency that comes from a commit of another repository."""
    source = LockedSource(url="https://user:canary@git.example.com/x.git", vcs="git", commit="a" * 40)
    return PlannedPackage(name, "1.0", Verdict.COMPILE, "it comes from git", source=source)
