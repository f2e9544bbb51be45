"""The demo with examples of several packages, and with machines that cannot build them."""

from __future__ import annotations

import io
import json
import platform
import zipfile
from pathlib import Path

import pytest
import yaml

from orchestrator import resources
from orchestrator.config.load import parse
from orchestrator.demo.collect import collect
from orchestrator.demo.machine import check_python
from orchestrator.demo.run import examples
from orchestrator.demo.watch import Loop
from orchestrator.effects.gitlab import JobRecord, PipelineRecord
from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.vocabulary import Architecture

HERE = {"aarch64": Architecture.ARM64, "x86_64": Architecture.X86_64}[platform.machine()]
OTHER = {Architecture.ARM64: Architecture.X86_64, Architecture.X86_64: Architecture.ARM64}[HERE]


class GitLab:
    """Artifacts of jobs, by the job's id and the file's name."""

    def __init__(self) -> None:
        self.files: dict[tuple[int, str], bytes] = {}

    def artifact(self, job_id: int, path: str) -> bytes:
        return self.files[job_id, path]


def came_home(packages: dict[str, bytes]) -> tuple[Loop, GitLab]:
    """Give a loop in which each package has come home in a pipeline of its own, and the GitLab that has them."""
    loop, gitlab = Loop(commit="a" * 40), GitLab()
    loop.pipelines = [PipelineRecord(1, "push", "success", loop.commit)]
    loop.jobs[1] = [JobRecord(1, "prebuild", "prebuild", "success", 1.0)]
    gitlab.files[1, ".orchestrator/plan.json"] = b"{}"
    for number, (name, content) in enumerate(packages.items(), 2):
        loop.pipelines.append(PipelineRecord(number, "trigger", "success", loop.commit))
        loop.jobs[number] = [JobRecord(number, "postbuild", "postbuild", "success", 1.5)]
        gitlab.files[number, "package.zip"] = content
        gitlab.files[number, "manifest.json"] = json.dumps({"package": name}).encode()
    return loop, gitlab


def zipped(text: str) -> bytes:
    """Return a zip of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", text)
    return buffer.getvalue()


def test_every_package_of_several_has_a_folder(tmp_path: Path) -> None:
    """No package overwrites another, whichever build came home last."""
    loop, gitlab = came_home({"probe": zipped("1"), "layer": zipped("2")})
    found = collect(loop, gitlab, tmp_path)  # type: ignore[arg-type] # it needs artifacts only
    assert [(package.name, package.path) for package in found] == [
        ("layer", tmp_path / "layer" / "package.zip"),
        ("probe", tmp_path / "probe" / "package.zip"),
    ]
    assert found[0].path.read_bytes() == zipped("2")


def test_a_single_package_lies_at_the_top(tmp_path: Path) -> None:
    """The usual case has no folder more than it needs."""
    loop, gitlab = came_home({"parser": zipped("1")})
    (package,) = collect(loop, gitlab, tmp_path)  # type: ignore[arg-type] # it needs artifacts only
    assert package.path == tmp_path / "package.zip"
    assert (tmp_path / "manifest.json").is_file()


def test_a_package_that_is_broken_is_named(tmp_path: Path) -> None:
    """What came home is read once before it is shown as a success."""
    damaged = bytearray(zipped("some text that is there"))
    damaged[damaged.index(b"some")] ^= 0xFF
    loop, gitlab = came_home({"probe": zipped("1"), "layer": bytes(damaged)})
    with pytest.raises(MachineryError, match="`layer` is broken"):
        collect(loop, gitlab, tmp_path)  # type: ignore[arg-type] # it needs artifacts only


@pytest.mark.parametrize("example", examples())
def test_every_example_is_right(example: str) -> None:
    """The configuration of each example is complete, and its README tells how to try it."""
    folder = resources.folder("examples") / example
    configuration = parse((folder / "orchestrator.yml").read_text(), "orchestrator.yml", {}, directory=example)
    assert configuration.project == example
    assert f"orchestrator demo --example {example}" in (folder / "README.md").read_text()


@pytest.mark.parametrize("example", ["pycurl-layer", "psycopg2-function"])
def test_a_machine_that_cannot_compile_an_example_is_told_before_anything_starts(example: str) -> None:
    """Another processor, or a Python that is not here: the error says which, and what to add."""
    configuration = resources.folder("examples") / example / "orchestrator.yml"
    with pytest.raises(ConfigurationError) as foreign:
        check_python(configuration, OTHER, None)
    assert foreign.value.hint == f"add `--architecture {HERE}`"
    runtimes = {package["runtime"] for package in yaml.safe_load(configuration.read_text())["packages"].values()}
    assert runtimes == {"python3.13"}


def test_an_example_without_machine_code_needs_nothing(tmp_path: Path) -> None:
    """Packages of wheels are made for any target on any machine."""
    check_python(resources.folder("examples") / "lxml-function" / "orchestrator.yml", OTHER, "python3.14")
