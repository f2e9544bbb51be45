"""The zipapp, run phase by phase as the buildspec runs it."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

FILES = {"handler.py": "def handler(event, context): ...\n", "requirements.txt": "lxml==6.0.2\n"}
CANARY = "glptt-canary-0123456789+/="


def _built(case: Any, tools: Path, files: dict[str, str], **settings: Any) -> None:
    case.use(tools)
    case.settings.update(settings)
    case.commit(files)
    case.run("fetch")
    case.run("build")


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", 183), ("x86_64", 62)])
def test_package_arrives_for_the_target(case: Any, tools: Path, gitlab: Any, architecture: str, machine: int) -> None:
    """A commit with a compiled dependency arrives as a verified zip for its architecture, whatever built it."""
    _built(case, tools, FILES, architecture=architecture)
    case.run("deliver")
    case.run("trigger")
    content = case.stored("package.zip")
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert "handler.py" in archive.namelist()
    elf = archive.read(next(name for name in archive.namelist() if name.startswith("lxml/etree.cpython-312-")))
    assert struct.unpack_from("<H", elf, 18) == (machine,)
    manifest = json.loads(case.stored("manifest.json"))
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["commit"] == case.variables["ORCHESTRATOR_COMMIT_SHA"]
    assert manifest["ref"] == case.variables["ORCHESTRATOR_REF"]
    assert (manifest["size_bytes"], manifest["architecture"]) == (len(content), architecture)
    digest = hashlib.sha256(case.stored("manifest.json")).hexdigest()
    assert (case.private / "manifest.sha256").read_text().strip() == digest
    assert gitlab.requests == [
        (
            "/api/v4/projects/group%2Fdemo/trigger/pipeline",
            {
                "token": [CANARY],
                "ref": [case.variables["ORCHESTRATOR_REF"]],
                "variables[ORCHESTRATOR_BUILD_ID]": [case.variables["CODEBUILD_BUILD_ID"]],
            },
        )
    ]
    assert CANARY not in case.output


def test_delivery_can_be_repeated(case: Any, tools: Path) -> None:
    """Running `deliver` twice leaves one package and the same manifest."""
    _built(case, tools, {"handler.py": "a = 1\n"}, requirements=None)
    case.run("deliver")
    first = case.stored("manifest.json")
    case.run("deliver")
    assert case.stored("manifest.json") == first


def test_other_content_under_the_key_is_not_overwritten(case: Any, tools: Path) -> None:
    """A package that is already stored with other content stays, and the build is refused."""
    _built(case, tools, {"handler.py": "a = 2\n"}, requirements=None)
    project, _, uuid = case.variables["CODEBUILD_BUILD_ID"].partition(":")
    key = f"team/artifacts/{project}/{case.variables['ORCHESTRATOR_COMMIT_SHA']}/{uuid}/package.zip"
    case.s3.put_object(Bucket="demo-artifacts", Key=key, Body=b"old", ChecksumAlgorithm="SHA256")
    assert "already exists" in case.run("deliver", code=5)
    assert case.stored("package.zip") == b"old"


def test_failed_build_delivers_nothing_and_comes_home_once(case: Any, tools: Path, gitlab: Any) -> None:
    """After a failed build phase nothing is stored, and the pipeline is called exactly once."""
    _built(case, tools, {"handler.py": "a = 3\n"}, requirements=None)
    assert "nothing is delivered" in case.run("deliver", CODEBUILD_BUILD_SUCCEEDING="0")
    with pytest.raises(case.s3.exceptions.NoSuchKey):
        case.stored("package.zip")
    case.run("trigger", CODEBUILD_BUILD_SUCCEEDING="0")
    case.run("trigger", "--on-failure", "deliver", CODEBUILD_BUILD_SUCCEEDING="0")
    assert len(gitlab.requests) == 1


def test_changed_package_is_refused(case: Any, tools: Path) -> None:
    """A package that changes between build and deliver is not delivered."""
    _built(case, tools, {"handler.py": "a = 4\n"}, requirements=None)
    with (case.private / "package.zip").open("ab") as file:
        file.write(b"x")
    assert "not the one that was built" in case.run("deliver", code=5)


def test_failed_fetch_comes_home(case: Any, tools: Path, gitlab: Any) -> None:
    """A commit that has no snapshot is named, and the pipeline hears of it."""
    case.use(tools)
    case.variables["ORCHESTRATOR_COMMIT_SHA"] = "d" * 40
    assert "cannot fetch" in case.run("fetch", code=2)
    case.run("trigger", "--on-failure", "fetch")
    assert len(gitlab.requests) == 1


def test_good_phase_does_not_call(case: Any, tools: Path, gitlab: Any) -> None:
    """`trigger --on-failure` stays silent after a phase that ended well."""
    case.use(tools)
    case.commit({"handler.py": "a = 5\n"})
    case.run("fetch")
    case.run("trigger", "--on-failure", "fetch")
    assert gitlab.requests == []


def test_failed_install_comes_home_without_tools(case: Any, gitlab: Any) -> None:
    """A build whose tools cannot be installed still calls the pipeline, through the image's own `aws`."""
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_CONFIG_FILE": "/dev/null", "PIP_CACHE_DIR": "/dev/null"}
    offline |= {"PIP_RETRIES": "0", "PIP_FIND_LINKS": "", "PIP_NO_INDEX": "1"}
    assert "cannot install the tools" in case.run("install", code=3, **offline)
    stand_in = case.root / "aws"
    stand_in.write_text(f'#!/bin/sh\nprintf \'{{"Parameter": {{"Value": "{CANARY}"}}}}\'\n')
    stand_in.chmod(0o755)
    import os

    environment = {"PATH": f"{case.root}:{os.environ['PATH']}"}
    printed = case.run("trigger", "--on-failure", "install", CODEBUILD_BUILD_SUCCEEDING="0", **environment)
    assert gitlab.requests[0][1]["token"] == [CANARY]
    assert CANARY not in printed


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("ORCHESTRATOR_COMMIT_SHA", "abc", 5),
        ("ORCHESTRATOR_COMMIT_SHA", "a" * 40 + "\n", 5),
        ("ORCHESTRATOR_COMMIT_SHA", "", 2),
        ("ORCHESTRATOR_SNAPSHOT_SHA256", "A" * 64, 5),
        ("CODEBUILD_BUILD_ID", "demo:../../x", 5),
        ("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-central-1:123456789012:build/other:1", 5),
        ("ORCHESTRATOR_PREFIX", "a/../b", 2),
        ("ORCHESTRATOR_BUCKET", "Not a bucket", 5),
        ("ORCHESTRATOR_REF", "a\x1bb", 5),
    ],
)
def test_wrong_variable_stops_every_phase(case: Any, variable: str, value: str, code: int) -> None:
    """A variable that is missing or forged is named before anything is done."""
    for command in ("install", "fetch", "build", "deliver", "trigger"):
        printed = case.run(command, code=code, **{variable: value})
        assert "prefix" in printed if variable == "ORCHESTRATOR_PREFIX" else variable in printed


def test_source_that_hits_a_dependency_is_named(case: Any, tools: Path) -> None:
    """A file of the commit that would replace a dependency's file fails the build and is named."""
    case.use(tools)
    case.commit({"six.py": "boom = 1\n", "requirements.txt": "six==1.17.0\n"})
    case.run("fetch")
    assert "six 1.17.0 and the application: `six.py`" in case.run("build", code=1)


def test_layer_has_everything_below_python(case: Any, tools: Path) -> None:
    """A layer holds its files below `python/`, where Lambda looks for them."""
    _built(case, tools, {"lib/shared.py": "a = 1\n"}, kind="layer", requirements=None, source="lib")
    assert zipfile.ZipFile(case.private / "package.zip").namelist() == ["python/shared.py"]


def test_unknown_command_is_refused(case: Any) -> None:
    """A command that does not exist ends with the exit code for wrong usage."""
    assert "usage:" in case.run("publish", code=2)
