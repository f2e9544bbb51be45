"""Making a package on this machine: from the commit, never from the work tree, and only what needs no compiler."""

from __future__ import annotations

import os
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from world import make

from orchestrator.effects import maker as module
from orchestrator.effects.git import GitCheckout
from orchestrator.effects.maker import LocalMaker
from orchestrator.errors import BuildFailed, Refused
from orchestrator.packaging.documents.model import Origin
from orchestrator.packaging.lock.model import DependencyPlan, PlannedPackage, Verdict
from orchestrator.plan.model import BuildPlan
from orchestrator.records import MadePackage, NotMade

ITEM = replace(make().builds[0], source="src")


class Checkout:
    """A repository of one commit, and a maker beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.work = folder / "work"
        (self.folder / "src").mkdir(parents=True)
        self.work.mkdir()
        (self.folder / "src" / "handler.py").write_text("x = 1\n")
        who = {f"GIT_{role}_{part}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **who}
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
            subprocess.run(["git", *command], cwd=self.folder, env=environment, check=True, timeout=60)
        git = GitCheckout(self.folder, environment)
        self.commit = git.commit("HEAD").sha
        self.snapshot = git.snapshot(self.commit, folder / "snapshot.tar.gz")
        self.said: list[str] = []

    def make(self, item: BuildPlan = ITEM, **changes: Any) -> MadePackage | NotMade:
        snapshot = replace(self.snapshot, **changes)
        origin = Origin(project="demo", package="parser", commit=self.commit, ref="main")
        return LocalMaker(self.work / "cache", self.said.append).make(item, snapshot, origin, self.work)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a repository whose work tree has changed since its commit."""
    made = Checkout(tmp_path)
    (made.folder / "src" / "handler.py").write_text("x = 'not committed'\n")
    (made.folder / "src" / "new.py").write_text("y = 2\n")
    return made


def test_exactly_the_commit_is_packed(checkout: Checkout) -> None:
    """What lies in the work tree and is not committed is not in the package; its documents are whole."""
    made = checkout.make()
    assert isinstance(made, MadePackage)
    with zipfile.ZipFile(made.package) as package:
        assert {name: package.read(name) for name in package.namelist()} == {"handler.py": b"x = 1\n"}
    assert set(made.documents) == {"sbom", "provenance"}
    assert all(path.is_file() for path in made.documents.values())
    assert made.manifest["commit"] == checkout.commit


def test_another_archive_is_refused(checkout: Checkout) -> None:
    """An archive that changed on this machine since git wrote it is not packed."""
    with pytest.raises(Refused):
        checkout.make(tar_sha256="0" * 64)


def planned(verdict: Verdict) -> DependencyPlan:
    """Return a plan of one package."""
    package = PlannedPackage("psycopg2", "2.9", verdict, "no release has a wheel for Linux")
    return DependencyPlan(ITEM.target.resolved, (package,), b"", made=True)


def test_what_has_to_be_compiled_is_named(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made, and the reason says which dependency needs CodeBuild and why."""
    monkeypatch.setattr(module, "dependency_plan", lambda recipe, bench: planned(Verdict.COMPILE))
    outcome = checkout.make()
    assert isinstance(outcome, NotMade)
    assert outcome.reasons == ("psycopg2 2.9 has to be compiled: no release has a wheel for Linux",)


def test_what_is_impossible_is_told_at_once(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dependency that no machine can bring costs no CodeBuild minute either."""
    monkeypatch.setattr(module, "dependency_plan", lambda recipe, bench: planned(Verdict.IMPOSSIBLE))
    with pytest.raises(BuildFailed, match="psycopg2"):
        checkout.make()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"smoke": ("handler",)}, "`smoke:` runs the code of dependencies"),
        ({"bytecode": True}, "`bytecode:` needs a Python for python3.12 on arm64"),
    ],
)
def test_what_does_not_belong_into_the_job_goes_to_codebuild(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], reason: str
) -> None:
    """No code of a dependency is run beside the job's tokens, and bytecode is not left out in silence."""
    monkeypatch.setattr(module, "interpreter_of", lambda target: None)
    outcome = checkout.make(replace(ITEM, **asked))
    assert isinstance(outcome, NotMade)
    assert reason in outcome.reasons[0]
